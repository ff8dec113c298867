"""What every error looks like: RFC 9457 problem details."""

from pydantic import BaseModel, ConfigDict

from runtime_server.errors import ServerError


class Problem(BaseModel):
    """RFC 9457 problem details. Further members depend on the `code`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None

    @classmethod
    def of(cls, error: ServerError, instance: str | None = None) -> "Problem":
        """The problem that says what `error` says."""
        return cls(
            type=f"urn:samegraph:problem:{error.code}",
            title=error.title,
            status=error.status,
            detail=error.detail,
            code=error.code,
            instance=instance,
            **error.extra,
        )
