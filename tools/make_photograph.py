"""Makes the photograph of the example: a mountain lake at sunset, rendered from fractal noise, with a camera's grain.

The picture belongs to the project, so that the demo needs nobody else's. It was made once; run this to make it again
(it wants numpy and Pillow): python tools/make_photograph.py examples/photographs/lake.jpg
"""

from __future__ import annotations

import sys
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grid: TypeAlias = NDArray[np.float64]

WIDTH, HEIGHT = 4032, 3024
HORIZON = 1380
SUN_X, SUN_Y = 2440, 800
SUNSET = np.array([1.00, 0.62, 0.33])
DUSK = np.array([0.16, 0.24, 0.45])


def noise(shape: tuple[int, int], cells: tuple[float, float], rng: np.random.Generator) -> Grid:
    """Smooth noise between -1 and 1 with about so many cells down and across."""
    rows, columns = int(cells[0]) + 2, int(cells[1]) + 2
    lattice = rng.uniform(-1, 1, (rows, columns))
    y = np.linspace(0, cells[0], shape[0], endpoint=False)
    x = np.linspace(0, cells[1], shape[1], endpoint=False)
    row, column = y.astype(int), x.astype(int)
    down, across = (y - row)[:, None], (x - column)[None, :]
    down, across = down * down * (3 - 2 * down), across * across * (3 - 2 * across)
    top = lattice[row][:, column] * (1 - across) + lattice[row][:, column + 1] * across
    bottom = lattice[row + 1][:, column] * (1 - across) + lattice[row + 1][:, column + 1] * across
    return np.asarray(top * (1 - down) + bottom * down)


def fractal(
    shape: tuple[int, int], cells: tuple[float, float], octaves: int, rng: np.random.Generator, gain: float = 0.5
) -> Grid:
    """Noise upon noise, each finer and fainter."""
    total = np.zeros(shape)
    for octave in range(octaves):
        total += gain**octave * noise(shape, (cells[0] * 2**octave, cells[1] * 2**octave), rng)
    return total


def sky(rng: np.random.Generator) -> Grid:
    """Dusk above, sunset at the horizon, clouds that are lit from below."""
    y = np.linspace(0, 1, HORIZON)[:, None]
    x = np.arange(WIDTH)[None, :]
    height = y**1.6
    colours = DUSK * (1 - height[..., None]) + SUNSET * height[..., None] * 0.9
    distance = np.hypot((x - SUN_X) / 1500, (np.arange(HORIZON)[:, None] - SUN_Y) / 700)
    glow = np.exp(-(distance**2) * 1.7)[..., None]
    colours = colours * (1 - 0.5 * glow) + np.array([1.0, 0.80, 0.52]) * glow * 0.75
    clouds = fractal((HORIZON, WIDTH), (7, 3.2), 7, rng, 0.55)
    cover = np.clip((clouds - 0.05) * 1.4, 0, 1) * np.clip(1.25 - y, 0, 1)
    lit = SUNSET * (0.55 + 0.6 * glow) + np.array([0.10, 0.07, 0.12])
    colours = colours * (1 - cover[..., None] * 0.65) + lit * cover[..., None] * 0.6
    disc = np.clip(1.6 - np.hypot(x - SUN_X, np.arange(HORIZON)[:, None] - SUN_Y) / 42, 0, 1)[..., None]
    return np.asarray(colours * (1 - disc) + np.array([1.0, 0.95, 0.82]) * disc)


def ridge(rng: np.random.Generator, base: float, height: float, roughness: float) -> Grid:
    """A mountain range's outline: for each column the row at which it begins."""
    line = np.zeros(WIDTH)
    for octave in range(9):
        line += roughness**octave * (1 - 2 * np.abs(noise((1, WIDTH), (1, 2.3 * 2**octave), rng)[0]))
    return np.asarray(base - height * (0.35 + 0.42 * line))


def range_(picture: Grid, rng: np.random.Generator, top: Grid, colour: Grid, haze: float) -> None:
    """Paints a range over what is there: rock with snow above, light from the sun's side, haze by its distance."""
    rows = np.arange(HORIZON)[:, None]
    inside = rows >= top[None, :]
    depth = np.clip((rows - top[None, :]) / 420, 0, 1)
    fine = fractal((HORIZON, WIDTH), (22, 30), 6, rng, 0.48)
    lean = (rows - top[None, :]) * 0.0022
    rock = np.take_along_axis(fine, np.clip(np.arange(WIDTH)[None, :] + lean * 900, 0, WIDTH - 1).astype(int), 1)
    outline = np.convolve(np.pad(top, 20, "edge"), np.ones(41) / 41, "valid")
    slope = np.gradient(rock, axis=1) * 14 + np.gradient(outline)[None, :] * 0.30
    light = np.clip(0.62 - slope, 0.16, 1.35)
    snow = np.clip(1.05 - depth * 2.6 + rock * 0.75, 0, 1) ** 1.5 * (1 - haze * 0.3)
    surface = colour * (0.55 + 0.5 * rock[..., None]) * light[..., None]
    white = np.array([0.92, 0.80, 0.76]) * (0.22 + 0.72 * light[..., None])
    surface = surface * (1 - snow[..., None]) + white * snow[..., None]
    air = np.array([0.86, 0.60, 0.47])
    surface = surface * (1 - haze) + air * haze * (0.75 + 0.25 * depth[..., None])
    picture[:HORIZON] = np.where(inside[..., None], surface, picture[:HORIZON])


def forest(picture: Grid, rng: np.random.Generator) -> None:
    """Firs along the far shore: each a jagged dark cone."""
    top = np.full(WIDTH, float(HORIZON))
    x = np.arange(WIDTH)
    for centre in rng.uniform(0, WIDTH, 620):
        tall = rng.uniform(35, 150) * (0.6 + 0.7 * abs(np.sin(centre / 900)))
        wide = tall * rng.uniform(0.14, 0.22)
        cone = HORIZON + 8 - tall * (1 - np.abs(x - centre) / wide) + 5 * np.sin(x * 1.7 + centre)
        top = np.where(np.abs(x - centre) < wide, np.minimum(top, cone), top)
    rows = np.arange(HORIZON)[:, None]
    dark = np.array([0.045, 0.055, 0.055]) * (1.0 + 0.7 * rng.standard_normal((HORIZON, WIDTH, 1)) * 0.4)
    picture[:HORIZON] = np.where((rows >= top[None, :])[..., None], dark, picture[:HORIZON])


def lake(picture: Grid, rng: np.random.Generator) -> None:
    """The scene upside down, drawn out by ripples that are wider in front."""
    deep = HEIGHT - HORIZON
    rows = np.arange(deep)
    near = (rows / deep)[:, None]
    ripple = fractal((deep, WIDTH), (150, 22), 4, rng, 0.6) * (2 + 26 * near**1.3)
    source_y = np.clip(HORIZON - 1 - (rows[:, None] * 0.80 + ripple * 1.9), 0, HORIZON - 1).astype(int)
    source_x = np.clip(np.arange(WIDTH)[None, :] + ripple * 0.7, 0, WIDTH - 1).astype(int)
    mirrored = picture[source_y, source_x]
    glance = np.clip(1.0 - near * 0.55, 0, 1)[..., None]
    water = np.array([0.035, 0.075, 0.105])
    sparkle = np.clip(ripple / (3 + 26 * near) - 0.45, 0, 1)[..., None] * np.exp(
        -(((np.arange(WIDTH)[None, :, None] - SUN_X) / 420) ** 2)
    )
    picture[HORIZON:] = mirrored * glance * 0.86 + water * (1 - glance * 0.6) + sparkle * SUNSET * 0.9


def main(path: str) -> None:
    rng = np.random.default_rng(20261121)
    picture = np.zeros((HEIGHT, WIDTH, 3))
    picture[:HORIZON] = sky(rng)
    for base, height, roughness, colour, haze in (
        (HORIZON - 120, 520, 0.47, (0.40, 0.36, 0.42), 0.66),
        (HORIZON - 20, 600, 0.48, (0.27, 0.24, 0.28), 0.36),
        (HORIZON + 70, 300, 0.46, (0.12, 0.13, 0.13), 0.10),
    ):
        range_(picture, rng, ridge(rng, base, height, roughness), np.array(colour), haze)
    forest(picture, rng)
    lake(picture, rng)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    picture *= (1.04 - 0.20 * (x**2 + y**2))[..., None]
    picture += rng.standard_normal(picture.shape) * 0.012
    levels = np.clip(picture, 0, 1) ** (1 / 1.15)
    image = Image.fromarray((levels * 255 + 0.5).astype(np.uint8))
    image.save(path, quality=94, optimize=True, progressive=True)


if __name__ == "__main__":
    main(sys.argv[1])
