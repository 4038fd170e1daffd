"""Turns a user's arrays, tensors and tables into one numpy array: nothing dropped, nothing guessed.

Masks, missing values, names, sparse layouts, complex and whole numbers would lose something on the
way to a dense array of floats. They are refused, with what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.messages.errors import HarnessError
from harness.messages.foreign import torch_data

Channels = Literal["first", "last"]

SHORT = 4
"""A last axis of at most this length is taken for channels: grey, colour, transparency."""

_EXACT = {"float32": 2**24, "float64": 2**53}
"""The largest size up to which whole numbers are exact."""


def as_array(what: str, value: Any) -> NDArray[Any]:
    """Copy an array, tensor or table, from any device, as a C-ordered array of native byte order.

    Args:
        what: its name in errors: "the inputs of 'mine'".
        value: what was given.

    Raises:
        HarnessError: something of it would be lost.
    """
    _check_dense(what, value)
    _check_masked(what, value)
    if _is_table(value):
        value = _columns(what, value)
    elif hasattr(value, "detach"):
        value = _tensor(what, value)
    try:
        copy = np.array(value, order="C")
    except Exception as error:  # lists of unequal lengths; other libraries raise anything
        raise HarnessError(
            f"{what} must be an array of numbers",
            f"a {type(value).__name__}: {error}",
            "Write numpy.asarray(...) of rows that are all of one length, or, for sequences, a "
            "list of arrays: [numpy.asarray(each) for each in inputs].",
        ) from error
    return copy.astype(copy.dtype.newbyteorder("="), copy=False)


def check_inputs(what: str, values: NDArray[Any], given: Any) -> None:
    """Check that inputs are bytes or floating point.

    Args:
        what: as errors name them.
        values: the inputs.
        given: what the user gave; the error says what to write in its terms.

    Raises:
        HarnessError: they are something else, which becomes neither without a loss.
    """
    if values.dtype == np.uint8 or values.dtype.kind == "f":
        return
    kind, mend = values.dtype.kind, "Make them numbers first."
    if kind in "iub":
        mend = _whole_numbers(values, tensor=hasattr(given, "detach"))
        if isinstance(given, tuple | list):
            mend = mend.replace("inputs", "numpy.asarray(inputs)")
        if values.ndim == 2 and kind != "b":
            mend = f"{mend} Token ids are declared by scaling='as they are'."
    elif kind == "c":
        joined = "torch.cat([" if hasattr(given, "detach") else "numpy.concatenate(["
        mend = f"Write {joined}inputs.real, inputs.imag], axis=1), which keeps both parts."
    elif kind in "Mm":
        mend = (
            "Write (inputs - inputs.min()) / numpy.timedelta64(1, 's'), which is in seconds."
            if kind == "M"
            else "Write inputs / numpy.timedelta64(1, 's'), which is in seconds."
        )
    elif kind == "V":
        mend = "Write numpy.lib.recfunctions.structured_to_unstructured(inputs)."
    elif kind in "OUST":
        mend = (
            "Write inputs.astype('float64') where all are numbers; names become columns of 0 and 1 "
            "by pandas.get_dummies."
        )
    raise HarnessError(f"{what} must be uint8 or floating point", f"dtype {values.dtype}", mend)


def _whole_numbers(values: NDArray[Any], *, tensor: bool) -> str:
    """Say how whole numbers become floats without a loss."""
    single = "float()" if tensor else "astype('float32')"
    double = "double()" if tensor else "astype('float64')"
    least = "inputs.amin(0)" if tensor else "inputs.min(axis=0)"
    largest = max((abs(int(values.min())), abs(int(values.max()))), default=0) if values.size else 0
    if largest <= _EXACT["float32"]:
        return f"Write inputs.{single}."
    if largest <= _EXACT["float64"]:
        return f"Write inputs.{double}, which keeps them exactly."
    return f"Write (inputs - {least}).{double}, as floats above 2**53 are not exact."


def _check_dense(what: str, value: Any) -> None:
    """Check that a value is no data set and no sparse matrix."""
    if found := torch_data(value):
        raise HarnessError(
            f"{what} must be an array or a tensor", f"a {type(value).__name__}", f"Write {found}."
        )
    if hasattr(value, "toarray"):  # of SciPy
        raise HarnessError(
            f"{what} must be dense",
            f"a {type(value).__name__} of shape {list(value.shape)}",
            "Write inputs.toarray().",
        )
    layout = str(getattr(value, "layout", "torch.strided"))
    if hasattr(value, "detach") and layout != "torch.strided":
        nested = layout == "torch.jagged" or getattr(value, "is_nested", False)
        raise HarnessError(
            f"{what} must be dense",
            f"a tensor of layout {layout}",
            "Write torch.nested.to_padded_tensor(inputs, 0.0)."
            if nested
            else "Write inputs.to_dense().",
        )


def _check_masked(what: str, value: Any) -> None:
    """Check that nothing is masked: a value under a mask is missing."""
    hidden = _masked(value)
    if hidden:
        raise HarnessError(
            f"{what} must have no masked values",
            f"{hidden} that are masked",
            "Fill them in, as inputs.filled(fill_value) does, or remove their rows.",
        )


def _masked(value: Any) -> int:
    """Return how many values are masked, in an array or in lists of arrays."""
    if isinstance(value, np.ma.MaskedArray):
        return int(np.ma.getmaskarray(value).sum())
    if isinstance(value, tuple | list):
        return sum(
            _masked(each) for each in value if isinstance(each, np.ma.MaskedArray | tuple | list)
        )
    if type(value).__name__ == "MaskedTensor" and hasattr(value, "get_mask"):
        return int((~value.get_mask()).sum())
    return 0


def _tensor(what: str, value: Any) -> Any:
    """Return a tensor as what numpy can copy."""
    if hasattr(value, "get_data") and hasattr(value, "get_mask"):
        value = value.get_data()  # with nothing masked
    if getattr(value, "is_nested", False):
        raise HarnessError(
            f"{what} must be dense",
            "a nested tensor",
            "Write torch.nested.to_padded_tensor(inputs, 0.0).",
        )
    if getattr(value, "is_meta", False):
        raise HarnessError(
            f"{what} must have values", "a tensor on the meta device", "Make it on the CPU."
        )
    value = value.detach().cpu()
    if getattr(value, "is_quantized", False):
        value = value.dequantize()
    if value.is_complex():
        value = value.resolve_conj()
    # numpy has no bfloat16; every bfloat16 is a float32.
    narrow = value.is_floating_point() and value.element_size() < 4
    return (value.float() if narrow else value.resolve_neg()).numpy()


def _is_table(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "isna")


def _columns(what: str, value: Any) -> NDArray[Any]:
    """Return a pandas table or column as an array, made column by column: none changes another."""
    frame = value.to_frame() if value.ndim == 1 and hasattr(value, "to_frame") else value
    if value.ndim == 1 and not hasattr(value, "to_frame"):  # an array of an extension type
        return _column(what, "", value, value.dtype)
    gaps = frame.isna()
    missing = [str(name) for name, count in zip(frame.columns, gaps.sum(), strict=True) if count]
    if missing:
        raise HarnessError(
            f"{what} must have no missing values",
            f"{int(gaps.to_numpy().sum())} in {_named(missing) if value.ndim > 1 else 'them'}",
            "Fill them in, as frame.fillna(...) does, or leave out their rows, of the targets too.",
        )
    columns = [
        _column(what, str(name), frame.iloc[:, place], frame.dtypes.iloc[place])
        for place, name in enumerate(frame.columns)
    ]
    if value.ndim == 1:
        return columns[0]
    if {each.dtype.kind for each in columns} & set("iu") and len({e.dtype for e in columns}) > 1:
        _check_exact(what, frame.columns, columns)
    return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def _column(what: str, name: str, column: Any, dtype: Any) -> NDArray[Any]:
    kind = getattr(dtype, "kind", "O")
    if kind in "fiub":
        plain = getattr(dtype, "numpy_dtype", dtype)  # that of a type that knows missing values
        plain = getattr(plain, "subtype", plain)  # that of a sparse column
        return np.asarray(column.to_numpy(dtype=plain))
    if not name or name == "0":
        return np.asarray(column)  # targets, which the caller checks
    times = kind in "Mm"
    raise HarnessError(
        f"{what} must be columns of numbers",
        f"{dtype} in column {name}",
        f"Write (frame[{name!r}] - frame[{name!r}].min()).dt.total_seconds() in its place."
        if times
        else f"Write pandas.get_dummies(frame, columns=[{name!r}], dtype=float), or leave it out.",
    )


def _check_exact(what: str, names: Iterable[Any], columns: list[NDArray[Any]]) -> None:
    """Check that whole numbers beside floats survive in a float64 table."""
    for name, column in zip(names, columns, strict=True):
        if column.dtype.kind in "iu" and column.size:
            largest = max(abs(int(column.min())), abs(int(column.max())))
            if largest > _EXACT["float64"]:
                raise HarnessError(
                    f"{what} must be exact as float64",
                    f"{largest} in column {name}",
                    f"Write frame[{str(name)!r}] - frame[{str(name)!r}].min() in its place.",
                )


def _named(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ("columns " if len(names) > 1 else "column ") + ", ".join(names[:3]) + more


def check_paired(what: str, inputs: Any, targets: Any) -> None:
    """Check that a table and its targets have their rows in the same order, if both have an index.

    Raises:
        HarnessError: the same rows come in another order.
    """
    if not (_is_table(inputs) and _is_table(targets)):
        return
    one, other = getattr(inputs, "index", None), getattr(targets, "index", None)
    if one is None or other is None or len(one) != len(other) or one.equals(other):
        return
    if one.is_unique and other.is_unique and one.isin(other).all():
        raise HarnessError(
            f"{what} must have the rows of their targets in the same order",
            "the same index in another order",
            "Write targets.loc[inputs.index].",
        )


def channels_first(what: str, values: NDArray[Any], channels: Channels | None) -> NDArray[Any]:
    """Bring images and sequences to ``[n, channels, ...]``.

    Args:
        what: as errors name it.
        values: ``[n, features]``, ``[n, channels, length]`` or ``[n, channels, height, width]``, or
            the latter two with the channels last.
        channels: where the channels are; ``None`` if the user did not say, which is enough if the
            shape leaves no doubt.

    Raises:
        HarnessError: the shape leaves doubt, or there are too many or too few axes.
    """
    shape = list(values.shape)
    if channels not in (None, "first", "last"):
        raise HarnessError(
            "arrays(channels=...) must be 'first' or 'last'",
            repr(channels),
            "Write channels='last' for [n, height, width, channels].",
        )
    if values.ndim not in (2, 3, 4) or 0 in values.shape:
        raise HarnessError(
            f"{what} must be [n, features], [n, channels, length] or [n, channels, height, width]",
            f"shape {shape}",
            _other_axes(values),
        )
    if values.ndim == 2:
        if channels is not None:
            raise HarnessError(
                f"{what} must have channels where channels= says where",
                f"shape {shape}",
                "Leave channels= out for features, or write inputs[:, None] for sequences of one.",
            )
        return values
    if channels is None:
        _check_axes(what, values)
    if channels == "last":
        return np.ascontiguousarray(np.moveaxis(values, -1, 1))
    return values


def _other_axes(values: NDArray[Any]) -> str:
    if values.ndim == 1 and values.size:
        return "Write inputs[:, None] for a single feature."
    if values.ndim > 4 and values.size:
        return (
            "Write inputs.reshape(len(inputs), -1), and give it its shape back in the forward of a "
            "module of your own."
        )
    return "Reshape the inputs, so that there is a row for each."


def _check_axes(what: str, values: NDArray[Any]) -> None:
    """Check that the shape itself says which axis the channels are on."""
    shape = list(values.shape)
    if values.ndim == 3:
        _, channels, length = shape
        if values.dtype.kind == "f" and 4 * channels <= length:
            return
        raise HarnessError(
            f"{what} must say what their axes are",
            f"shape {shape}, dtype {values.dtype}",
            "Write arrays(..., channels='first') for sequences [n, channels, length], "
            "channels='last' for [n, length, channels], or inputs[:, None] for grey images "
            "[n, height, width].",
        )
    _, first, middle, last = shape
    if (last <= SHORT < first) or (first == middle != last and last < first):
        raise HarnessError(
            f"{what} must say which axis the channels are on, which looks like the last",
            f"shape {shape}",
            f"Write arrays(..., channels='last') for images of {first} × {middle} pixels with "
            f"channels: {last}, or channels='first' for {middle} × {last} pixels with {first}.",
        )
