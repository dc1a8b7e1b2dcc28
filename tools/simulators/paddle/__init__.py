"""A simulator of Paddle's API: `running` serves one account on 127.0.0.1."""

from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.paddle.api import running
from tools.simulators.paddle.objects import LOCAL_KEY

__all__ = ["LOCAL_KEY", "PaddleAccount", "running"]
