"""Turns the published e4e checkpoint into the two ONNX graphs the StyleGAN engine runs.

Run as ``python -m editing.export CHECKPOINT -o DIR``. Needs PyTorch (the extra ``export``); the
site itself never does.
"""
