"""The Docker network of one instance, on which its services have their names."""

from local.containers import LABEL_INSTANCE
from local.engine import Engine, engine_errors


def make_network(engine: Engine, name: str, instance: str) -> None:
    """Make the network that the containers of an instance share, where it is not there yet."""
    from docker.errors import APIError

    with engine_errors(f"make the Docker network {name}"), engine.client() as client:
        if client.api.networks(names=[f"^{name}$"]):
            return
        try:
            client.api.create_network(name, driver="bridge", check_duplicate=True, labels={LABEL_INSTANCE: instance})
        except APIError as error:
            # Another process made it in between.
            if error.status_code != 409:
                raise


def remove_network(engine: Engine, name: str) -> None:
    """Remove a network, unless a container is still on it."""
    from docker.errors import APIError, NotFound

    with engine_errors(f"remove the Docker network {name}"), engine.client() as client:
        try:
            client.api.remove_network(name)
        except NotFound:
            return
        except APIError as error:
            # 403: something else is still on it, such as a stage's container or the external registry.
            if error.status_code != 403:
                raise
