"""The workflow files that users copy: what they ask for, and what their commands do when run.

The shell of each gate job is run as a runner would run it, in a small repository. Two things are
replaced: ``python -m pip install`` is only written down, as tests install nothing; and where a test
needs an exit code that cannot be had at will, ``harness`` is a script that ends with it.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from harness.commands.cli import app
from harness.gate import kept
from harness.gate.summary import MARKER, summary
from tests.example_gate import example
from tests.layout import HOUSE, ROOT
from tests.test_gate_sides import commit, git

FOLDER = HOUSE / "gate" / "workflows"
NAMES = ("gate-github.yml", "gate-comment-github.yml", "gate-gitlab.yml")
ACTIONS = {
    "actions/cache/restore@v5",
    "actions/cache/save@v5",
    "actions/checkout@v6",
    "actions/download-artifact@v8",
    "actions/github-script@v8",
    "actions/setup-python@v6",
    "actions/upload-artifact@v7",
}
"""Those that were seen to exist, in the oldest version that runs on Node 24."""

ZEROS = "0" * 40
GONE = "12" * 20
PIP = "python -m pip install --quiet ablation-harness uv"
BOTH = ("gate-github.yml", "gate-gitlab.yml")

ONE = "def step():\n    return sum(range(100))\n"
TWO = "def more():\n    return sum(range(100))\n\n\ndef step():\n    return more() + more()\n"


def read(name: str) -> dict[str, Any]:
    """A workflow, with every scalar as it is written: YAML takes ``on`` for true elsewhere."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.BaseLoader)


def steps(name: str, job: str) -> dict[str, dict[str, Any]]:
    """The steps of a job, by their name or else the action that they use."""
    return {each.get("name", each.get("uses")): each for each in read(name)["jobs"][job]["steps"]}


def parsed(words: list[str]) -> dict[str, Any]:
    """What the real command line makes of the words behind ``harness``."""
    line: Any = typer.main.get_command(app)
    assert words[0] == "gate"
    return line.commands["gate"].make_context("gate", words[1:]).params


# ---- What the files ask for ---------------------------------------------------------------------


def test_the_files_are_these() -> None:
    assert sorted(each.name for each in FOLDER.iterdir()) == sorted(NAMES)
    assert all(isinstance(read(each), dict) for each in NAMES)


def test_only_actions_that_exist_are_used() -> None:
    jobs = [job for name in NAMES[:2] for job in read(name)["jobs"].values()]
    assert {step["uses"] for job in jobs for step in job["steps"] if "uses" in step} == ACTIONS


def test_a_gate_on_github_may_only_read_and_keeps_what_it_found() -> None:
    flow = read("gate-github.yml")
    assert flow["on"] == {"pull_request": "", "push": {"branches": ["main"]}}
    assert flow["permissions"] == {"contents": "read"}
    assert "permissions" not in flow["jobs"]["gate"]
    assert flow["env"]["OPTIONS"] == "--shadow"
    inside = steps("gate-github.yml", "gate")
    assert inside["actions/checkout@v6"]["with"] == {
        "fetch-depth": "0",
        "persist-credentials": "false",
    }
    kept_ = inside["Keep the results, also of a gate that failed"]
    assert kept_["if"] == "always()"
    assert kept_["with"]["path"] == inside["Gate"]["env"]["PLACE"]
    restored = inside["Take the history of gates before"]["with"]
    saved = inside["Keep the history, of pushes alone"]
    assert saved["if"] == "always() && github.event_name == 'push'"
    assert saved["with"] == {key: restored[key] for key in ("path", "key")}
    assert restored["key"].startswith(restored["restore-keys"])
    # what comes from outside never stands in a script, where it would be run
    assert all("${{" not in each.get("run", "") for each in inside.values())


def test_a_comment_is_made_apart_by_a_job_that_runs_nothing_of_a_fork() -> None:
    flow = read("gate-comment-github.yml")
    gate = read("gate-github.yml")
    assert flow["on"] == {"workflow_run": {"workflows": [gate["name"]], "types": ["completed"]}}
    assert flow["permissions"] == {}
    (job,) = flow["jobs"].values()
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert "workflow_run.event == 'pull_request'" in job["if"]
    download, comment = job["steps"]
    assert download["uses"].startswith("actions/download-artifact@")
    assert comment["uses"].startswith("actions/github-script@")
    assert all(each["continue-on-error"] == "true" for each in job["steps"])
    assert not any("run" in each for each in job["steps"])
    uploaded = steps("gate-github.yml", "gate")["Keep the results, also of a gate that failed"][
        "with"
    ]
    assert download["with"]["name"] == uploaded["name"]
    assert download["with"]["run-id"] == "${{ github.event.workflow_run.id }}"
    assert download["with"]["path"] == comment["env"]["PLACE"]
    script = comment["with"]["script"]
    assert "${{" not in script
    assert f"const MARKER = '{MARKER}';" in script


def test_gitlab_keeps_reports_and_is_not_blocked_by_an_inconclusive_gate() -> None:
    (job,) = read("gate-gitlab.yml").values()
    assert job["allow_failure"] == {"exit_codes": "3"}
    assert job["artifacts"] == {
        "when": "always",
        "paths": ["gate/"],
        "reports": {"junit": "gate/junit.xml", "metrics": "gate/metrics.txt"},
    }
    assert job["variables"]["GIT_DEPTH"] == "0"
    assert job["variables"]["OPTIONS"] == "--shadow"
    assert [each["variables"]["HISTORY"] for each in job["rules"]] == ["pull", "pull-push"]
    asked, pushed = (each["if"] for each in job["rules"])
    assert asked == '$CI_PIPELINE_SOURCE == "merge_request_event"'
    assert pushed.endswith("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH")
    assert job["cache"]["policy"] == "$HISTORY"


# ---- Running their commands ---------------------------------------------------------------------


class Runner:
    """Runs the gate job of a workflow as a runner would, in a clone of a small repository."""

    def __init__(self, folder: Path, head: str = TWO) -> None:
        self.folder, self.temp, self.bin = folder / "clone", folder / "temp", folder / "bin"
        self.temp.mkdir()
        self.bin.mkdir()
        origin = folder / "origin"
        origin.mkdir()
        git(origin, "init", "-q", "-b", "main")
        commit(origin, {"README": "a project", "work.py": "def step():\n    return 0\n"}, "first")
        self.base = commit(origin, {"work.py": ONE}, "second")
        git(folder, "clone", "-q", str(origin), "clone")
        git(self.folder, "checkout", "-q", "-b", "topic")
        self.head = commit(self.folder, {"work.py": head, "notes": "new"}, "third")
        python = shlex.quote(sys.executable)
        written = '"-m pip install "*) echo "python $*" >> "$INSTALLED" ;;'
        self.script("python", f'case "$*" in {written} *) exec {python} "$@" ;; esac')
        self.script("harness", f'exec {python} -m harness "$@"')

    def script(self, name: str, body: str) -> None:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        file.chmod(0o755)

    def pretend(self, code: int) -> None:
        """Put a script in the place of ``harness`` that keeps its words and ends with a code."""
        self.script("harness", f'printf "%s\\n" "$@" > "$INSTALLED.words"\nexit {code}')

    @property
    def words(self) -> list[str]:
        return Path(f"{self.temp}/installed.words").read_text(encoding="utf-8").splitlines()

    @property
    def installed(self) -> str:
        return (self.temp / "installed").read_text(encoding="utf-8").strip()

    def run(self, name: str, event: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.github(event, variables) if name == BOTH[0] else self.gitlab(event, variables)

    def github(self, event: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        facts = {
            "runner.temp": str(self.temp),
            "github.base_ref": "main" if event == "pull_request" else "",
            "github.event.before": {"push": self.base, "new": ZEROS, "forced": GONE}.get(event, ""),
            "github.ref_name": "topic" if event == "new" else "main",
            "github.event.repository.default_branch": "main",
            "github.event.pull_request.number": "12" if event == "pull_request" else "",
        }
        facts |= {key: variables.pop(key) for key in [*variables] if key in facts}
        flow = read(BOTH[0])
        for step in flow["jobs"]["gate"]["steps"]:
            if "run" not in step:
                continue
            env = {**flow["env"], **step.get("env", {})}
            filled = {
                key: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: facts[found[1]], value)
                for key, value in env.items()
            }
            more = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(self.temp / "shown.md")}
            done = self.bash(step["run"], {**filled, **more, **variables})
            if done.returncode:
                break
        return done

    def gitlab(self, event: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        job = read(BOTH[1])["gate"]
        asked = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": self.base, "CI_COMMIT_BEFORE_SHA": ZEROS}
        facts = {
            "pull_request": asked,
            "merged": {**asked, "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": self.head},
        }.get(
            event, {"CI_COMMIT_BEFORE_SHA": {"push": self.base, "forced": GONE}.get(event, ZEROS)}
        )
        lines = "\n".join([*job["before_script"], *job["script"]])
        return self.bash(lines, {**job["variables"], **facts, **variables})

    def bash(self, script: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        ours = ("GITHUB_", "CI_", "RUNNER_")
        env = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        env |= {
            "PATH": f"{self.bin}{os.pathsep}{env['PATH']}",
            "INSTALLED": f"{self.temp}/installed",
        }
        bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(bash, cwd=self.folder, env=env | variables, check=False,
                              capture_output=True, text=True, timeout=120)  # fmt: skip


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.mark.parametrize(
    ("name", "event", "base"),
    [
        (BOTH[0], "pull_request", "origin/main"),
        (BOTH[0], "push", "the base"),
        (BOTH[0], "new", "origin/main"),
        (BOTH[0], "forced", "HEAD~1"),
        (BOTH[1], "pull_request", "the base"),
        (BOTH[1], "merged", "the head"),
        (BOTH[1], "push", "the base"),
        (BOTH[1], "new", "HEAD~1"),
        (BOTH[1], "forced", "HEAD~1"),
    ],
)
def test_what_it_is_compared_with(runner: Runner, name: str, event: str, base: str) -> None:
    runner.pretend(0)
    done = runner.run(name, event)
    assert done.returncode == 0, done.stderr
    wanted = {"the base": runner.base, "the head": runner.head}.get(base, base)
    assert runner.words[:5] == ["gate", "--base", wanted, "--head", "HEAD"]
    assert git(runner.folder, "rev-parse", wanted)  # all of them are there
    assert runner.installed == PIP


@pytest.mark.parametrize("name", BOTH)
def test_the_words_are_a_line_that_harness_takes(runner: Runner, name: str) -> None:
    runner.pretend(0)
    (runner.folder / "test_b").write_text("", encoding="utf-8")  # what `test_[ab]` would become
    what = ["bench/study.py#a", "test_[ab]"]
    options = ["--shadow", "--extra", "bench", "--with", "pytest-benchmark"]
    runner.run(name, "push", WHAT=" ".join(what), OPTIONS=" ".join(options))
    words = runner.words
    assert words[-len(what) :] == what
    assert words[-len(what) - len(options) : -len(what)] == options
    read_ = parsed(words)
    assert read_["base"] == runner.base
    assert read_["shadow"] is True
    with pytest.raises(Exception, match="No such option"):
        parsed([*words, "--no-such"])


def test_the_lines_that_readme_shows_are_lines_that_harness_takes() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if "harness gate" in line]
    assert len(lines) > 1
    for line in lines:
        assert parsed(shlex.split(line, comments=True)[1:])["base"] == "origin/main"


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 1), (2, 2), (3, 0), (137, 137)])
def test_on_github_an_inconclusive_gate_blocks_nothing(
    runner: Runner, code: int, ends: int
) -> None:
    runner.pretend(code)
    done = runner.run(BOTH[0], "pull_request")
    assert done.returncode == ends
    assert ("Inconclusive" in done.stdout) == (code == 3)
    assert (runner.temp / "gate/pull-request.txt").read_text(encoding="utf-8") == "12\n"


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_on_gitlab_exit_codes_reach_the_job(runner: Runner, code: int) -> None:
    runner.pretend(code)
    assert runner.run(BOTH[1], "pull_request").returncode == code


def test_nothing_is_gated_where_installing_fails(runner: Runner) -> None:
    runner.pretend(0)
    runner.script("python", "exit 1")
    for name in BOTH:
        assert runner.run(name, "push").returncode == 1
    assert not Path(f"{runner.temp}/installed.words").exists()


def test_a_branch_s_name_is_never_run(runner: Runner) -> None:
    runner.pretend(0)
    name = '$(touch pwned)"; touch pwned; #'
    runner.run(BOTH[0], "pull_request", **{"github.base_ref": name})
    assert runner.words[2] == f"origin/{name}"
    assert not list(runner.folder.glob("*pwned*"))


QUICK = "--here --only-exact"


@pytest.mark.parametrize(
    ("options", "what", "code", "answer"),
    [
        (QUICK, "work:step", 1, "FAIL"),
        (f"--shadow {QUICK}", "work:step", 0, "FAIL"),
        (f"--shadow {QUICK}", "work:gone", 2, "ERROR"),
    ],
)
def test_a_gate_on_github_as_users_run_it(
    runner: Runner, options: str, what: str, code: int, answer: str
) -> None:
    done = runner.run(BOTH[0], "pull_request", WHAT=what, OPTIONS=options)
    assert done.returncode == code, done.stdout + done.stderr
    out = runner.temp / "gate"
    result = kept.read(out / "gate.json")
    assert result.exit_code == code
    failed = {row.figure for row in result.rows if row.answer == "fail"}
    assert ("python_calls" in failed) == (answer == "FAIL")
    written = (out / "summary.md").read_text(encoding="utf-8")
    assert written.startswith(f"**{answer}")
    assert written.endswith(f"{MARKER}\n")
    assert (runner.temp / "shown.md").read_text(encoding="utf-8") == written
    assert ("::warning" if code == 0 else "::error") in done.stdout
    assert (out / "gate.html").is_file()
    (line,) = (out / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["answer"] == answer.lower()
    assert git(runner.folder, "status", "--porcelain") == ""


def test_a_gate_on_gitlab_as_users_run_it(runner: Runner) -> None:
    done = runner.run(BOTH[1], "pull_request", WHAT="work:step", OPTIONS=QUICK)
    assert done.returncode == 1, done.stdout + done.stderr
    for file in read(BOTH[1])["gate"]["artifacts"]["reports"].values():
        assert "python_calls" in (runner.folder / file).read_text(encoding="utf-8")
    for path in read(BOTH[1])["gate"]["cache"]["paths"]:
        assert (runner.folder / path).is_file()


# ---- The comment --------------------------------------------------------------------------------

FAKE = """
const scene = JSON.parse(process.argv[2]);
const calls = [], notices = [], warnings = [];
const answer = (name, data) => async (words) => {
  if (scene.broken === name) throw new Error('Resource not accessible by integration');
  calls.push([name, words]);
  return { data: data ? data(words) : {} };
};
const github = {
  paginate: async (method, words) => (await method(words)).data,
  rest: {
    pulls: { list: answer('list', (words) => scene.pulls.filter(
      (each) => `${each.head.repo.owner.login}:${each.head.ref}` === words.head)) },
    issues: {
      listComments: answer('listComments', () => scene.comments),
      createComment: answer('create'),
      updateComment: answer('update'),
    },
  },
};
const context = { repo: { owner: 'us', repo: 'it' }, payload: { workflow_run: scene.run } };
const core = { notice: (text) => notices.push(text), warning: (text) => warnings.push(text) };
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
const run = new AsyncFunction('github', 'context', 'core', 'require', scene.script);
run(github, context, core, require)
  .then(() => console.log(JSON.stringify({ calls, notices, warnings })));
"""

SHA = "abcdef0123456789"
FORK = {"id": 7, "full_name": "them/it", "owner": {"login": "them"}}
RUN = {
    "head_repository": FORK, "head_branch": "topic", "head_sha": SHA, "conclusion": "failure",
    "html_url": "https://example.org/runs/1",
}  # fmt: skip
BOT = "github-actions[bot]"


def asked(number: int, sha: str = SHA, branch: str = "topic", repo: Any = FORK) -> dict[str, Any]:
    return {"number": number, "head": {"sha": sha, "ref": branch, "repo": repo}}


class Comments:
    """Runs the script of the workflow that comments, with a GitHub that only keeps what is said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file("summary.md", summary(example()))

    def file(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, **changes: Any) -> dict[str, Any]:
        (job,) = read("gate-comment-github.yml")["jobs"].values()
        scene = {"pulls": [asked(12)], "comments": [], "run": RUN, "broken": "", **changes}
        scene["script"] = job["steps"][1]["with"]["script"]
        (self.folder / "fake.js").write_text(FAKE, encoding="utf-8")
        done = subprocess.run(
            ["node", str(self.folder / "fake.js"), json.dumps(scene)], check=False, text=True,
            env={**os.environ, "PLACE": str(self.folder)}, capture_output=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        told["said"] = {
            name: words for name, words in told["calls"] if name in {"create", "update"}
        }
        return told


@pytest.fixture
def comments(tmp_path: Path) -> Comments:
    if shutil.which("node") is None:
        pytest.skip("the script of the comment is JavaScript, and node is not installed")
    return Comments(tmp_path)


def test_a_pull_request_from_a_fork_gets_a_comment(comments: Comments) -> None:
    said = comments.run()["said"]
    assert said.keys() == {"create"}
    assert said["create"]["issue_number"] == 12
    body = said["create"]["body"]
    lines = body.splitlines()
    written = summary(example()).splitlines()
    assert lines[0] == written[0]
    assert lines[2] == ("Commit abcdef0: [its run](https://example.org/runs/1) ended with failure, "
                        "and has all files.")  # fmt: skip
    assert lines[3:-2] == written[1:-2]
    assert lines[-1] == MARKER
    assert body.count(MARKER) == 1


def test_the_gate_s_own_comment_is_edited_and_no_other(comments: Comments) -> None:
    other = {"id": 1, "user": {"login": "somebody"}, "body": f"> quoted {MARKER}"}
    bare = {"id": 2, "user": {"login": BOT}, "body": "Thank you!"}
    nobody = {"id": 3, "user": None, "body": None}
    before = {"id": 4, "user": {"login": BOT}, "body": f"**PASS**\n{MARKER}"}
    assert comments.run(comments=[other, bare, nobody])["said"].keys() == {"create"}
    said = comments.run(comments=[other, bare, nobody, before])["said"]
    assert said.keys() == {"update"}
    assert said["update"]["comment_id"] == 4


@pytest.mark.parametrize(
    ("pulls", "number", "chosen"),
    [
        ([asked(12)], "999", 12),  # what GitHub says counts, not what a fork's job wrote
        ([asked(12)], "", 12),
        ([asked(12), asked(13)], "13", 13),
        ([asked(12), asked(13)], "14", None),
        ([asked(12), asked(13)], "12; rm -rf /", None),
        ([asked(12), asked(13, sha="0ther")], "13", 12),
        ([asked(12, sha="0ther")], "12", None),  # a newer commit has its own run
        ([asked(12, branch="main")], "12", None),
        ([asked(12, repo={**FORK, "id": 8})], "12", None),
        ([], "12", None),
    ],
)
def test_which_pull_request_it_is(
    comments: Comments, pulls: list[Any], number: str, chosen: int | None
) -> None:
    comments.file("pull-request.txt", f"{number}\n")
    told = comments.run(pulls=pulls)
    assert told["said"].get("create", {}).get("issue_number") == chosen
    assert bool(told["notices"]) == (chosen is None)
    assert not told["warnings"]


def test_a_fork_that_is_deleted_gets_no_comment(comments: Comments) -> None:
    told = comments.run(run={**RUN, "head_repository": None})
    assert not told["said"]
    assert told["notices"]


@pytest.mark.parametrize("broken", ["list", "listComments", "create"])
def test_a_comment_that_cannot_be_posted_is_a_warning(comments: Comments, broken: str) -> None:
    told = comments.run(broken=broken)
    assert told["warnings"] == [
        "No comment could be posted: Resource not accessible by integration"
    ]
    assert not told["said"]


def test_a_gate_without_a_summary_takes_the_place_of_an_older_verdict(comments: Comments) -> None:
    (comments.folder / "summary.md").unlink()
    before = {"id": 4, "user": {"login": BOT}, "body": f"**PASS**\n{MARKER}"}
    body = comments.run(comments=[before])["said"]["update"]["body"]
    assert body.startswith("**ERROR**: The gate left no summary.")
    (comments.folder / "summary.md").symlink_to("/etc/hostname")
    assert comments.run()["said"]["create"]["body"] == body


def test_a_text_of_a_fork_calls_nobody_hides_nothing_and_is_cut(comments: Comments) -> None:
    lines = "".join(f"line {number}\n" for number in range(20_000))
    comments.file("summary.md", f"**PASS** @everyone\n\n{MARKER}\n<!-- hidden\n{lines}")
    body = comments.run()["said"]["create"]["body"]
    assert len(body) < 65_536
    assert body.splitlines()[2].startswith("Commit abcdef0")
    assert "@everyone" not in body
    assert "@\u200beveryone" in body
    assert body.count("<!--") == 1
    assert body.count(MARKER) == 1
    assert body.endswith(f"\n\n(cut off: the artifact has all)\n\n{MARKER}\n")
    assert re.search(r"\nline \d+\n\n\(cut off", body)
