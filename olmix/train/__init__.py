"""The model ladder, schedules, the proxy trainer, evaluation."""
