from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.redis", "tests.support.postgres"]

# Time is the machine's, not the code's: pytest's own limit ends what hangs.
settings.register_profile("framegate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("framegate")
