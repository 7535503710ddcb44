"""A learning curve of Stable-Baselines3's PPO, as JSON: [[decisions, mean return of the evaluation episodes], ...].

Runs in an environment of its own, which has stable-baselines3 and gymnasium but not Ludus. Settings come as JSON on the
command line, see benchmarks/gym_curves.py.
"""

import json
import sys

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

#: Far from those of training.
FIRST_EVALUATION_SEED = 2**40


def environment(name):
    made = gymnasium.make(name)
    # Ludus maps -1 … 1 onto the limits; so must this, for a standard deviation to mean the same.
    box = isinstance(made.action_space, gymnasium.spaces.Box)
    return gymnasium.wrappers.RescaleAction(made, -1.0, 1.0) if box else made


def evaluate(model, name, episodes):
    made, returns = environment(name), []
    for index in range(episodes):
        seen, _ = made.reset(seed=FIRST_EVALUATION_SEED + index)
        total, over = 0.0, False
        while not over:
            action, _ = model.predict(seen, deterministic=True)
            if isinstance(made.action_space, gymnasium.spaces.Box):
                action = np.clip(action, -1.0, 1.0)
            seen, reward, terminated, truncated, _ = made.step(action)
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return float(np.mean(returns))


def main():
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    name, batch = settings["environment"], settings["matches"] * settings["steps"]
    vector = DummyVecEnv([lambda: environment(name) for _ in range(settings["matches"])])
    model = PPO(
        "MlpPolicy", vector, seed=settings["seed"], n_steps=settings["steps"], batch_size=settings["minibatch"],
        n_epochs=settings["epochs"], learning_rate=settings["learning_rate"], gamma=settings["gamma"],
        gae_lambda=settings["gae_lambda"], clip_range=settings["clip"], ent_coef=0.0, vf_coef=0.5, max_grad_norm=0.5,
        device="cpu",
        policy_kwargs={"net_arch": [settings["hidden"]] * 2, "activation_fn": torch.nn.Tanh,
                       "log_std_init": settings["log_std_init"]},
    )  # fmt: skip
    curve = [[0, evaluate(model, name, settings["episodes"])]]
    for update in range(1, settings["updates"] + 1):
        model.learn(batch, reset_num_timesteps=update == 1)
        if update % settings["every_updates"] == 0 or update == settings["updates"]:
            curve.append([update * batch, evaluate(model, name, settings["episodes"])])
    print(json.dumps(curve))


if __name__ == "__main__":
    main()
