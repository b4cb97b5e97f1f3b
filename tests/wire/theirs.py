"""Our models as botocore's own classes, for its serialisers and parsers."""

from __future__ import annotations

from functools import lru_cache

from botocore import model as botocore_model

from wakeful.wire.model import OperationModel, ServiceModel


@lru_cache
def their_service(model: ServiceModel) -> botocore_model.ServiceModel:
    return botocore_model.ServiceModel(model.raw, model.service_name)


def their_operation(operation: OperationModel) -> botocore_model.OperationModel:
    return their_service(operation.service_model).operation_model(operation.name)
