"""Pictures side by side: what is laid together comes apart again, as arrays and as tensors, and both lie alike."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from escalera.data.mosaic import grid, mosaic, parts
from escalera.models.tiles import Layout, apart, of_each, together

SIDES = st.integers(1, 6)
LAYOUTS = st.tuples(st.integers(1, 4), st.integers(1, 4))


@st.composite
def pictures(draw: st.DrawFn) -> list[NDArray[np.uint8]]:
    count, height, width, channels = draw(st.integers(1, 12)), draw(SIDES), draw(SIDES), draw(st.sampled_from([1, 3]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    return list(random.integers(0, 256, (count, height, width, channels), np.uint8))


@st.composite
def tiles(draw: st.DrawFn) -> tuple[torch.Tensor, Layout]:
    rows, columns = draw(LAYOUTS)
    count, channels, height, width = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(SIDES), draw(SIDES)
    made = torch.arange(count * rows * columns * channels * height * width, dtype=torch.float32)
    memory = draw(st.sampled_from([torch.contiguous_format, torch.channels_last]))
    shaped = made.reshape(-1, channels, height, width).contiguous(memory_format=memory)
    return shaped, (rows, columns)


@given(pictures())
def test_a_mosaic_comes_apart_into_its_pictures(laid: list[NDArray[np.uint8]]) -> None:
    again = parts(mosaic(laid), len(laid))
    assert len(again) == len(laid)
    assert all(np.array_equal(one, other) for one, other in zip(again, laid, strict=True))


@given(tiles())
def test_tiles_are_what_they_were_together_and_apart(drawn: tuple[torch.Tensor, Layout]) -> None:
    small, layout = drawn
    whole = together(small, layout)
    assert whole.numel() == small.numel()
    assert torch.equal(apart(whole, layout), small)
    assert torch.equal(together(apart(whole, layout), layout), whole)


@given(pictures())
def test_tensors_lie_as_arrays_do(laid: list[NDArray[np.uint8]]) -> None:
    whole = torch.from_numpy(mosaic(laid)).permute(2, 0, 1)[None]
    small = torch.from_numpy(np.stack(laid)).permute(0, 3, 1, 2)
    assert torch.equal(apart(whole, grid(len(laid))), small)


@given(tiles())
def test_a_change_of_each_pixel_is_that_of_the_whole(drawn: tuple[torch.Tensor, Layout]) -> None:
    small, layout = drawn
    whole = together(small, layout)
    assert torch.equal(of_each(torch.neg, layout)(whole), -whole)


@given(st.integers(1, 500))
def test_a_grid_is_full_and_no_other_is_nearer_to_a_square(count: int) -> None:
    rows, columns = grid(count)
    assert rows * columns == count
    assert rows <= columns
    assert not [r for r in range(rows + 1, count) if count % r == 0 and r <= count // r]
