import gymnasium as gym
import torch
from torch import nn

torch.manual_seed(0)
world = gym.make("CartPole-v1")
policy = nn.Linear(4, 2)
updates = torch.optim.Adam(policy.parameters())
for episode in range(100):  # not-applicable: duplicates
    seen, _ = world.reset(seed=episode)
    done, logs, gains = False, [], []
    while not done:
        odds = torch.distributions.Categorical(logits=policy(torch.as_tensor(seen)))
        move = odds.sample()
        seen, gain, ended, cut, _ = world.step(move.item())
        logs.append(odds.log_prob(move))
        gains.append(gain)
        done = ended or cut
    updates.zero_grad()
    (-torch.stack(logs).sum() * sum(gains)).backward()
    updates.step()
