import torch

from kelp.train import Model


def test_loss_at_init():
    # TODO: assert the loss is -log(1 / num_classes)
    assert Model()(torch.zeros(4, 20)).shape == (4, 10)


def test_overfit_one_batch():
    model = Model()
    assert sum(p.numel() for p in model.parameters()) > 0


def test_no_batch_leakage_gradients():
    x = torch.randn(4, 20, requires_grad=True)
    Model()(x).sum().backward()
    assert x.grad is not None
