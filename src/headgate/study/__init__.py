"""Experiments that show a law of recurrent networks, each in a minute or two on a CPU.

table       what there is: one line an experiment
finding     what an experiment finds: numbers, a figure, two paragraphs
vanishing … the experiments, one file each
panels      the parts of a figure, and how it is drawn
page        all of it as one page
"""

from __future__ import annotations
