"""FastAPI without batching, as most write it: a plain function per request. PORT from outside."""

import os

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.peers.scorer import Scorer


class Body(BaseModel):
    """One text."""

    text: str


def create_app(scorer: Scorer) -> FastAPI:
    """The whole program."""
    app = FastAPI()

    @app.post("/predict")
    def predict(body: Body) -> dict[str, float]:
        return {"probability": scorer([body.text])[0]}

    @app.get("/health")
    def health() -> dict[str, bool]:
        return {"ok": True}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(Scorer.from_environment()), port=int(os.environ["PORT"]))
