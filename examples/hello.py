"""The word "hello", letter by letter: given h, e, l, l, the network learns to say e, l, l, o.

Each letter is a one-hot vector. The second l must be answered with o and the first with l: what
tells them apart is the state alone.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

import headgate as hg

torch.manual_seed(1)
letters = "helo"
given = torch.tensor([letters.index(c) for c in "hell"])
wanted = torch.tensor([letters.index(c) for c in "ello"])

rnn, head = hg.Recurrent("rnn", input_size=4, hidden_size=8), hg.Linear(8, 4)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.1)
one_hot = torch.eye(4)  # a row for each letter
x = one_hot[given][:, None]  # [T, B, M]: four steps, one row, four letters

for step in range(61):
    y, h = rnn(x)[:2]
    logits = head(y)[:, 0]
    loss = F.cross_entropy(logits, wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        said = "".join(letters[i] for i in logits.argmax(-1))
        print(f"step {step:2}  loss {loss.item():.3f}  hell → {said}")

stream = hg.Stream(rnn, head)  # the trained network, kept running: each answer is its next input
word = "h"
for _ in range(4):
    word += letters[int(stream.step(one_hot[letters.index(word[-1])]).argmax())]
print(f"from h alone, step by step: {word}")
