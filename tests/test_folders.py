"""Folders of images: what is a split, a class, an example; what a file loses; what has changed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from harness.data import images, survey
from harness.data.names import role_of
from harness.data.pictures import look
from harness.data.survey import cache_file
from harness.messages.errors import HarnessError
from harness.planning.datasets import told
from harness.running.find import load

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def colours(side: int = 8) -> Image.Image:
    return Image.fromarray(RANDOM.integers(0, 255, (side, side, 3)).astype(np.uint8))


def tree(root: Path, *folders: str, kind: str = "png", n: int = 5) -> Path:
    """Make folders of images; what has a point in its last part is a file by itself."""
    for each in folders:
        path = root / each
        if path.suffix and not path.name.startswith("."):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".png":
                colours().save(path)
            else:
                path.write_text("text")
            continue
        path.mkdir(parents=True, exist_ok=True)
        for number in range(n):
            colours().save(path / f"{number}.{kind}")
    return root


def facts(root: Path, **options: Any) -> Any:
    return images(root, size=8, **options).facts()


def refused(root: Path, **options: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        facts(root, **options)
    text = str(caught.value)
    with pytest.raises(HarnessError):
        images(root, size=8, **options).splits(0)
    assert "\n" not in text
    return text


# -- splits and classes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("train", "train Training TRAIN train_set training-data trainset train2017 my_train_split"),
        ("train", "Train\u00a0Images ｔｒａｉｎ trn"),
        ("validation", "val valid validation Val_Data validation_set dev eval Evaluation VALID.1"),
        ("test", "test Testing testset test_images TEST-SET holdout hold_out tst"),
        (None, "cat trainer steam_train testament valley evaluator devil strain contest 7 set"),
    ],
)
def test_names_of_parts_are_known_in_any_spelling(role: str | None, names: str) -> None:
    assert {name: role_of(name) for name in names.split(" ")} == dict.fromkeys(
        names.split(" "), role
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [("train", "valid"), ("Training", "Testing"), ("train_set", "eval"), ("a_train", "a_dev")],
)
def test_two_parts_are_training_and_test(tmp_path: Path, first: str, second: str) -> None:
    root = tree(tmp_path / "x", *(f"{p}/{c}" for p in (first, second) for c in ("cat", "dog")))
    whole = images(root, size=8).load()
    assert whole.classes == 2
    assert whole.test is not None
    assert len(whole.test) == 10
    note = f"{second} is the official test set, as there is no other."
    assert (note in told(facts(root))) == (second != "Testing")


def test_three_parts_are_used_as_they_are(tmp_path: Path) -> None:
    root = tree(tmp_path / "x", *(f"{p}/{c}" for p in ("train", "val", "test") for c in "ab"))
    one, other = (images(root, size=8).splits(seed) for seed in (0, 1))
    sizes = [len(part) for part in (one.train, one.validation, one.test)]
    assert sizes == [10, 10, 10]
    assert one.validation.rows is None, "all of it, in every seed"
    assert one.validation.pool is other.validation.pool is not one.train.pool
    shown = told(facts(root))
    assert "10 for training, 10 for validation, 10 for testing; validation and test as" in shown
    some = images(root, size=8, validation=4).splits(0)
    assert len(some.validation) == 4
    assert some.validation.pool.inputs is one.validation.pool.inputs
    assert "must be 2 to 8, or all 10" in refused(root, validation=9)


def test_a_training_part_alone_has_no_test_set(tmp_path: Path) -> None:
    root = tree(tmp_path / "x", "train/cat", "train/dog")
    assert images(root, size=8).load().test is None
    assert facts(root).names == ("cat", "dog")


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (("test/a", "test/b"), "must hold a folder of training images; got test alone"),
        (("train/a", "train/b", "val/a", "val/b", "valid/a", "valid/b"), "got val and valid, both"),
        (("train/a", "train/b", "extra/a"), "got extra, which is no part with a known name"),
        (("train/a", "train/b", "test"), "got test, which is a folder with images right in it"),
        (("train/a", "train/b", "x.png"), "got x.png, which is an image"),
        (("train", "test"), "got images in test itself"),
        (("fold1/a", "fold1/b", "fold2/a", "fold2/b"), "got fold1 and fold2, which hold the same"),
        (("a/train", "a/test", "b/train", "b/test", "c"), "got test and train within a"),
        (("train/a", "train/b", "test/a", "test/c"), "must have the same classes; got b, c in one"),
        (("a", "b", "x.png"), "got x.png beside the folders"),
        (("a", "b", "a/x.npy"), "images that Pillow can read, or texts"),
        (("a", "b", "a/x.heic"), "got x.heic"),
        (("Cat", "cat", "dog"), "got 'Cat' and 'cat'"),
        (("dog", "dog ", "cat"), "got 'dog' and 'dog '"),
        (("all/a", "all/b"), "Give the folder all in it"),
    ],
)
def test_an_unclear_folder_is_refused_by_name(
    tmp_path: Path, folders: tuple[str, ...], said: str
) -> None:
    assert said in refused(tree(tmp_path / "x", *folders))


def test_a_class_may_be_called_train_and_letters_may_differ_in_size(tmp_path: Path) -> None:
    assert facts(tree(tmp_path / "x", "bus", "car", "train")).names == ("bus", "car", "train")
    assert facts(tree(tmp_path / "y", "A", "a")).names == ("A", "a")


def test_hidden_files_and_folders_are_ignored(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "x", "cat", "dog", "__MACOSX/cat", "@eaDir", "lost+found", "cat/@eaDir",
        "$RECYCLE.BIN", "System Volume Information", "__pycache__",
    )  # fmt: skip
    for name in (".ipynb_checkpoints", "cat/.ipynb_checkpoints", ".git"):
        tree(root / name, "a", "b.png")
    for name in ("cat/._0.png", "dog/Thumbs.db", "dog/desktop.ini", ".DS_Store", "cat/.hidden"):
        (root / name).write_bytes(b"\0")
    found = facts(root)
    assert (found.names, found.files, found.notes) == (("cat", "dog"), 10, ())


def test_texts_are_left_out_and_told(tmp_path: Path) -> None:
    root = tree(tmp_path / "x", "cat", "dog", "cat/a.txt", "labels.csv", "all.zip", "dog/0.xml")
    (root / "dog/LICENSE").write_text("free")
    assert "Left out: all.zip, cat/a.txt, dog/0.xml and 2 more." in told(facts(root))
    (root / "dog/0001").write_bytes((root / "dog/0.png").read_bytes())
    assert "got 0001" in refused(root)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    root = tree(tmp_path / "x", "cat", "dog")
    (root / "eel").symlink_to(tree(tmp_path / "y", "all") / "all")
    assert facts(root).counts.rest == (5, 5, 5)
    (root / "cat/up").symlink_to(root)
    assert "must not hold itself" in refused(root)


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gif", "webp", "jfif", "bmp", "tiff", "avif", "jp2", "ppm"])
def test_every_kind_of_file_that_pillow_opens_is_read(tmp_path: Path, kind: str) -> None:
    root = tree(tmp_path / "x", "a", "b", n=3)
    tree(root, "a", "b", kind=kind)
    assert len(images(root, size=8).load().rest) == 16


def grey(low: int, high: int, kind: Any = np.uint16) -> Image.Image:
    return Image.fromarray(RANDOM.integers(low, high, (8, 8)).astype(kind))


@pytest.mark.parametrize("kind", ["png", "tif", "pgm", "jp2"])
def test_of_16_bits_the_upper_8_are_taken(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x/a").mkdir(parents=True)
    root = tree(tmp_path / "x", "b")
    made = grey(0, 65535)
    for number in range(3):
        made.save(root / f"a/{number}.{kind}")
    whole = images(root, size=8).load().rest
    read = whole.inputs[whole.targets == 0][0]
    wanted = np.asarray(made) >> 8
    assert all(np.abs(channel.numpy().astype(int) - wanted).max() <= 1 for channel in read)
    if kind != "jp2":
        assert np.array_equal(read[0], wanted)
    assert "Of 16-bit images (3) the upper 8 bits are taken." in told(facts(root))


def test_12_bits_in_16_are_refused_as_too_dark(tmp_path: Path) -> None:
    root = tree(tmp_path / "x", "a", "b")
    grey(0, 4096).save(root / "a/x.png")
    assert "largest value of all is below 4096 of 65536" in refused(root)
    grey(60_000, 65_536).save(root / "b/x.png")
    assert facts(root).files == 12


@pytest.mark.parametrize(
    ("kind", "made", "said"),
    [
        ("tiff", Image.fromarray(np.full((8, 8), 0.5, np.float32)), "floating point pixels"),
        ("tif", Image.fromarray(np.full((8, 8), 70_000, np.int32)), "32-bit pixels (mode I)"),
    ],
)
def test_an_image_that_8_bits_cannot_hold_is_refused(
    tmp_path: Path, kind: str, made: Image.Image, said: str
) -> None:
    root = tree(tmp_path / "x", "a", "b")
    made.save(root / f"b/x.{kind}")
    text = refused(root)
    assert f"{root}/b/x.{kind} must be an image of 8 or 16 bits; got {said}" in text
    assert "Scale all files alike to 0 to 255" in text


@pytest.mark.parametrize("kind", ["gif", "tif", "png", "webp"])
def test_several_frames_are_refused(tmp_path: Path, kind: str) -> None:
    root = tree(tmp_path / "x", "a", "b")
    colours().save(root / f"a/x.{kind}", save_all=True, append_images=[colours(), colours()])
    assert f"{root}/a/x.{kind} must be a single picture; got 3 frames" in refused(root)


def test_a_photograph_with_a_second_view_is_read(tmp_path: Path) -> None:
    root = tree(tmp_path / "x", "a", "b")
    colours().save(root / "a/x.mpo", save_all=True, append_images=[colours()])
    (root / "a/x.mpo").rename(root / "a/x.jpg")
    colours().save(root / "a/y.mpo", save_all=True, append_images=[colours()])
    assert facts(root).files == 12


TRANSPARENT = {
    "RGBA": (Image.new("RGBA", (8, 8), (0, 0, 0, 0)), {}),
    "LA": (Image.new("LA", (8, 8), (0, 0)), {}),
    "palette": (Image.new("P", (8, 8), 0), {"transparency": 0}),
    "colour key": (Image.new("RGB", (8, 8), 0), {"transparency": (0, 0, 0)}),
    "grey key": (Image.new("L", (8, 8), 0), {"transparency": 0}),
}


@pytest.mark.parametrize("name", TRANSPARENT)
def test_the_background_of_transparent_images_must_be_given(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path / "x", "a", "b", n=4)
    made, options = TRANSPARENT[name]
    made.save(root / "a/9.png", **options)
    assert "1 such images of 9" in refused(root)
    for background, value in (("white", 255), ("black", 0), ("#808080", 128)):
        whole = images(root, size=8, background=background).load().rest
        assert whole.inputs[4].unique().tolist() == [value]
    marks = {images(root, background=each).fingerprint() for each in ("white", "#808080", None)}
    assert len(marks) == 3
    assert images(root, background="#ffffff").fingerprint() in marks


def test_half_transparent_pixels_are_blended_and_opaque_ones_need_nothing(tmp_path: Path) -> None:
    root = tree(tmp_path / "x", "a", "b", n=4)
    Image.new("RGBA", (8, 8), (10, 20, 30, 255)).save(root / "a/9.png")
    assert images(root, size=8).load().rest.inputs[4, :, 0, 0].tolist() == [10, 20, 30]
    Image.new("RGBA", (8, 8), (0, 0, 0, 128)).save(root / "a/9.png")
    whole = images(root, size=8, background="white").load().rest
    assert abs(int(whole.inputs[4, 0, 0, 0]) - 127) <= 1


@pytest.mark.parametrize("background", ["red", "#12", 3, (0, 0, 0)])
def test_a_background_must_be_a_colour(background: Any) -> None:
    with pytest.raises(HarnessError, match="Write background='white', say"):
        images("x", background=background)


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp"])
def test_images_are_turned_as_their_exif_says(tmp_path: Path, kind: str) -> None:
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[0] = 255  # the first row, which orientation 6 brings to the right
    exif = Image.Exif()
    exif[0x0112] = 6
    root = tree(tmp_path / "x", "a", "b", n=3)
    Image.fromarray(pixels).save(root / f"a/9.{kind}", exif=exif, quality=100)
    assert look((root / f"a/9.{kind}").read_bytes()).size == (8, 16)
    read = images(root, size=8).load().rest.inputs[3, 0]
    assert (read[:, 7] > 128).all()
    assert (read[:, :6] < 128).all()


def test_resizing_is_told(tmp_path: Path) -> None:
    root = tree(tmp_path / "x", "a", "b", n=4)
    colours(20).save(root / "a/9.png")
    assert "Images of 8 × 8 and 1 other sizes are made 8 × 8 pixels." in told(facts(root))


# -- contents ------------------------------------------------------------------------------------


def mark(root: Path) -> str:
    return images(root, size=8).fingerprint()


def test_a_change_of_contents_changes_the_fingerprint_whatever_size_and_time_say(
    tmp_path: Path,
) -> None:
    root = tree(tmp_path / "x", "a", "b", kind="bmp")
    first, file = mark(root), root / "a/3.bmp"
    before = file.stat()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert mark(root) != first
    assert images(root, size=8).load().rest.inputs.sum() != 0
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    assert mark(root) == first


def test_files_of_equal_contents_that_swap_names_are_another_data_set(tmp_path: Path) -> None:
    root = tree(tmp_path / "x", "a", "b", kind="bmp")
    first = mark(root)
    (root / "a/0.bmp").rename(root / "swap")
    (root / "b/0.bmp").rename(root / "a/0.bmp")
    (root / "swap").rename(root / "b/0.bmp")
    assert mark(root) != first


def aged(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files count as written long ago."""
    monkeypatch.setattr(survey, "SETTLED_NS", -(10**12))


def forget(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Forget what this process knows; return the files that are read from now on, as they are."""
    survey._LAST.clear()
    read: list[str] = []
    contents = survey.contents
    monkeypatch.setattr(survey, "contents", lambda path: read.append(path) or contents(path))
    return read


def test_another_process_reads_only_what_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged(tmp_path, monkeypatch)
    root = tree(tmp_path / "x", "a", "b", kind="bmp")
    Image.new("RGBA", (8, 8)).save(root / "b/9.png")
    first, said = mark(root), refused(root)
    read = forget(monkeypatch)
    assert mark(root) == first
    assert refused(root) == said, "what was found of each file is kept, too"
    assert read == []
    colours().save(root / "a/1.bmp")
    survey._LAST.clear()
    assert mark(root) != first
    assert read == [f"{root}/a/1.bmp"]


def test_a_file_written_a_moment_ago_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """Another change within the clock's resolution would leave size and time the same."""
    root = tree(tmp_path / "x", "a", "b")
    mark(root)
    assert list(cache.rglob("*.json")) == []
    read = forget(monkeypatch)
    mark(root)
    assert len(read) == 10


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.write_text("not JSON"),
        lambda file: file.write_text("[]"),
        lambda file: file.write_text(file.read_text()[:-40]),
        lambda file: file.write_text(json.dumps({"stamp": 0, "files": {}})),
        lambda file: file.write_bytes(b"\xff\xfe"),
        lambda file: (file.unlink(), file.mkdir()),
        lambda file: (shutil.rmtree(file.parent), file.parent.write_text("a file")),
    ],
)
def test_a_damaged_cache_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Any
) -> None:
    aged(tmp_path, monkeypatch)
    root = tree(tmp_path / "x", "a", "b")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no folder"))
    first = mark(root)
    kept = cache_file(root)
    assert kept is not None
    assert list(kept.parent.iterdir()) == [kept]
    harm(kept)
    read = forget(monkeypatch)
    assert mark(root) == first
    assert len(read) == 10


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the cache folder lie below what is no folder; return that for temporary files."""
    (tmp_path / "home").write_text("a file")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    aged(tmp_path, monkeypatch)
    return temporary


def test_without_a_home_what_was_found_is_kept_among_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, homeless: Path
) -> None:
    root = tree(tmp_path / "x", "a", "b")
    first = mark(root)
    read = forget(monkeypatch)
    assert mark(root) == first
    assert read == []
    (folder,) = homeless.iterdir()
    assert folder.name == f"harness-images-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_cache_folder_that_cannot_be_written_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, homeless: Path
) -> None:
    """The superuser may write anywhere, so the system is not asked here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(survey, "_can_be_written", lambda folder: folder.parent == homeless)
    root = tree(tmp_path / "x", "a", "b")
    mark(root)
    read = forget(monkeypatch)
    mark(root)
    assert read == []
    assert len(list(homeless.rglob("*.json"))) == 1


@pytest.mark.parametrize("whose", ["a link", "somebody else's", "open to all", "a file"])
def test_a_temporary_folder_that_is_not_this_user_s_alone_is_not_used(
    whose: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, homeless: Path
) -> None:
    own = os.getuid()
    folder = homeless / f"harness-images-{own}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if whose == "a link":
        folder.symlink_to(elsewhere)
    elif whose == "a file":
        folder.write_text("")
    else:
        folder.mkdir()
        folder.chmod(0o777 if whose == "open to all" else 0o700)
    if whose == "somebody else's":
        folder.rename(homeless / f"harness-images-{own + 1}")
        folder = homeless / f"harness-images-{own + 1}"
        monkeypatch.setattr(os, "getuid", lambda: own + 1)
    root = tree(tmp_path / "x", "a", "b")
    first = mark(root)
    read = forget(monkeypatch)
    assert mark(root) == first
    assert len(read) == 10
    assert list(elsewhere.iterdir()) == []
    assert not folder.is_dir() or list(folder.iterdir()) == []


def test_files_that_change_while_they_are_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(tmp_path / "x", "a", "b")
    data = images(root, size=8)
    found = survey.survey(root)
    colours().save(root / "a/1.png")
    monkeypatch.setattr("harness.data.folders.survey", lambda _: found)
    with pytest.raises(HarnessError, match="must stay as it is while it is read"):
        data.load()


# -- plan ----------------------------------------------------------------------------------------

STUDY = '''"""Do folders do?"""
from harness import Factor, Scale, Study, Training
from harness.data import images
from harness.models import CNN
from harness.optim import SGD


def build(scale, width):
    data = images({folder!r}, size=8)
    return Training(data, CNN(channels=(width,)), SGD(lr=0.1), batch_size={batch}, epochs=1)


study = Study("folders", "Do folders do?", (Factor("width", (2, 4)),), build=build,
              scales={{"quick": Scale(seeds=2)}})
'''


def test_plan_tells_what_was_read_and_what_cannot_be_trained(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.commands.cli import execute

    root = tree(here / "flowers", "train/rose", "train/lily", "val/rose", "val/lily")
    (here / "one.py").write_text(STUDY.format(folder=str(root), batch=2))
    assert execute(["plan", "one.py", "--json"]) == 0
    (data,) = json.loads(capsys.readouterr().out)["scales"][0]["data"]
    assert (data["files"], data["examples"], data["class_names"]) == (20, 20, ["lily", "rose"])
    assert (data["train"], data["validation"], data["test"]) == (8, 2, 10)
    assert data["shape"] == [3, 8, 8]
    assert execute(["plan", "one.py"]) == 0
    (line,) = (each for each in capsys.readouterr().out.splitlines() if "Data: " in each)
    assert line == f"Data: {data['told']}"
    assert line.endswith("val is the official test set, as there is no other.")

    (here / "two.py").write_text(STUDY.format(folder=str(root), batch=9))
    assert execute(["plan", "two.py"]) == 2
    assert "batch_size must be at most the 8 training examples" in capsys.readouterr().err
    (root / "train/rose/0.png").write_bytes(b"cut off")
    assert execute(["plan", "one.py"]) == 2
    assert f"{root}/train/rose/0.png must be an image" in capsys.readouterr().err


def test_a_default_type_is_refused_when_the_study_is_loaded(tmp_path: Path) -> None:
    text = STUDY.format(folder="none", batch=2).replace(
        "\n\n\ndef", "\nimport torch\n\ntorch.set_default_dtype(torch.float64)\n\n\ndef", 1
    )
    (tmp_path / "wide.py").write_text(text)
    with pytest.raises(
        HarnessError, match=r"Training\(precision='float64'\) in place of torch.set"
    ):
        load(str(tmp_path / "wide.py"))
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("command", ["plan", "report", "explain", "export"])
def test_every_command_that_reads_a_study_takes_the_folder_of_its_data(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.commands.cli import execute

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_DATA", "before")
    assert execute([command, "no_study.py", "--data-dir", "given"]) == 2
    assert Path(os.environ["HARNESS_DATA"]).name == "given"


def test_plan_looks_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.commands.cli import execute

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_DATA", "")
    (tmp_path / "flags.py").write_text(
        "from harness import Factor, Scale, Study, Training\n"
        "from harness.data import images\n"
        "from harness.models import MLP\n"
        "from harness.optim import SGD\n"
        "def build(scale, width):\n"
        "    return Training(data=images('flags', size=8), model=MLP(hidden=(width,)),\n"
        "        optimizer=SGD(lr=0.1), batch_size=4, epochs=1)\n"
        "study = Study(name='flags', question='Q?', factors=(Factor('width', (4, 8)),),\n"
        "    build=build, scales={'quick': Scale(seeds=5)})\n"
    )
    generator = np.random.default_rng(0)
    for name in ("red", "blue"):
        folder = tmp_path / "elsewhere" / "flags" / name
        folder.mkdir(parents=True)
        for number in range(10):
            pixels = generator.integers(0, 255, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    assert execute(["plan", "flags.py", "--data-dir", "elsewhere"]) == 0
    assert "flags: 20 files" in capsys.readouterr().out.replace("\n", " ")
    assert execute(["plan", "flags.py", "--data-dir", "nowhere"]) == 2
