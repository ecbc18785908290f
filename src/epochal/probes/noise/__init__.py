"""How noisy the gradient is: at the start, along a training, and as an optimizer such as Adam scales it."""
