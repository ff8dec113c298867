"""A FastAPI route that parses our body and answers our JSON, with no model. PORT from outside.

ANSWER is the JSON of one of the server's own answers.
"""

import os

import uvicorn
from fastapi import FastAPI

from runtime_server.requests import PredictRequest
from runtime_server.result import PredictResult


def create_app(answer: PredictResult) -> FastAPI:
    """The whole program."""
    app = FastAPI()

    @app.post("/predict")
    async def predict(body: PredictRequest) -> PredictResult:
        return answer

    @app.get("/health")
    async def health() -> dict[str, bool]:
        return {"ok": True}

    return app


if __name__ == "__main__":
    result = PredictResult.model_validate_json(os.environ["ANSWER"])
    uvicorn.run(create_app(result), port=int(os.environ["PORT"]))
