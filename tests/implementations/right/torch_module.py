"""PyTorch with nothing of refnet in it: a module, and a function of tensors, which the adapter checks as they are."""

import torch
from torch import nn


class Network(nn.Module):  # type: ignore[misc]  # PyTorch is Any to the type checker
    def __init__(self, n_in: int = 1000, n_hidden: int = 100, n_out: int = 10) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_in, n_hidden)
        self.output = nn.Linear(n_hidden, n_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(torch.relu(self.hidden(x)))


def predict(x: torch.Tensor, w1: torch.Tensor, b1: torch.Tensor, w2: torch.Tensor, b2: torch.Tensor) -> torch.Tensor:
    return torch.addmm(b2, torch.relu(torch.addmm(b1, x, w1)), w2)
