import pytest
import torch
import torch.nn.functional as F

from kelp.sea import KINDS
from kelp.shape import Look


@pytest.fixture
def look():
    torch.manual_seed(5)
    return Look([1 / KINDS] * KINDS)


def test_can_learn_eight_by_heart(look):
    photos, kinds = torch.randn(8, 3, 96, 96), torch.arange(8) % KINDS
    adjust = torch.optim.Adam(look.parameters(), lr=1e-3)
    trail = []
    for _ in range(400):
        away = F.cross_entropy(look(photos), kinds)
        adjust.zero_grad()
        away.backward()
        adjust.step()
        trail.append(float(away))
    assert trail[-1] < 0.02


def test_photos_keep_to_themselves(look):
    photos = torch.randn(4, 3, 96, 96).requires_grad_()
    (pull,) = torch.autograd.grad(look(photos)[1].sum(), photos)
    reached = pull.flatten(1).abs().amax(1) > 0
    assert reached.tolist() == [False, True, False, False]


def test_all_at_once_is_one_by_one(look):
    look.eval()
    photos = torch.randn(3, 3, 96, 96)
    single = torch.cat([look(photo[None]) for photo in photos])
    torch.testing.assert_close(look(photos), single, atol=1e-5, rtol=0)
