"""All verbs, in the order of the help and of the documentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshimplant_cli.augment import augment
from meshimplant_cli.average import average
from meshimplant_cli.batch import batch
from meshimplant_cli.bevel import bevel
from meshimplant_cli.border import border
from meshimplant_cli.cases import cases
from meshimplant_cli.check import check
from meshimplant_cli.complete import complete
from meshimplant_cli.convert import convert
from meshimplant_cli.craniectomy import craniectomy
from meshimplant_cli.cut import cut
from meshimplant_cli.deepen import deepen
from meshimplant_cli.demo import demo
from meshimplant_cli.design import design
from meshimplant_cli.drawing import drawing
from meshimplant_cli.edit import edit
from meshimplant_cli.evaluate import evaluate
from meshimplant_cli.extract import extract
from meshimplant_cli.fixation import fixation
from meshimplant_cli.info import info
from meshimplant_cli.insertion import insertion
from meshimplant_cli.link import link
from meshimplant_cli.lip import lip
from meshimplant_cli.mark import mark
from meshimplant_cli.models import models
from meshimplant_cli.mould import mould
from meshimplant_cli.perforate import perforate
from meshimplant_cli.plan import plan
from meshimplant_cli.plug import plug
from meshimplant_cli.preview import preview
from meshimplant_cli.redesign import redesign
from meshimplant_cli.repair import repair
from meshimplant_cli.round_border import round_border
from meshimplant_cli.separate import separate
from meshimplant_cli.shape_model import shape_model
from meshimplant_cli.sheet import sheet
from meshimplant_cli.simplify import simplify
from meshimplant_cli.skull_model import skull_model
from meshimplant_cli.smooth import smooth
from meshimplant_cli.split import split
from meshimplant_cli.strength import strength
from meshimplant_cli.subtract import subtract
from meshimplant_cli.thickness import thickness
from meshimplant_cli.train import train
from meshimplant_cli.training_set import training_set
from meshimplant_cli.trim import trim
from meshimplant_cli.view import view

GROUPS: tuple[tuple[str, tuple[Callable[..., Any], ...]], ...] = (
    ("The line", (design, plan, redesign, edit, batch, demo)),
    ("Voxels", (complete, subtract, separate, deepen, extract)),
    ("Meshes", (smooth, thickness, cut, repair, simplify, convert)),
    ("Fit to the skull", (trim, border, bevel, round_border, insertion)),
    ("For surgery", (perforate, fixation, mark, lip, split, plug, skull_model)),
    ("Made from the part", (mould, sheet)),
    ("Looking and measuring", (check, strength, view, preview, drawing, info, evaluate)),
    ("Data sets", (cases, craniectomy, augment, link)),
    ("Learning from complete skulls", (average, shape_model, models)),
    ("Training networks", (training_set, train)),
)
