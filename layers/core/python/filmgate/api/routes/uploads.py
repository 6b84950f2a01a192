"""Ask for places to send files to."""

from __future__ import annotations

from fastapi import APIRouter

from filmgate.api.auth import Api, Tenant
from filmgate.api.models import UploadRequest, Uploads
from filmgate.api.routes.params import problems
from filmgate.api.uploads import request_uploads

router = APIRouter(tags=["uploads"])


@router.post("/uploads", responses=problems(401, 422, 503))
def create_uploads(services: Api, tenant: Tenant, request: UploadRequest) -> Uploads:
    """Record up to 100 files and get a presigned POST, good for a few minutes, for each new one.

    The POST takes exactly the size and content type stated here. `upload` is null where the same
    content is there already under the same path. Asking twice is harmless.
    """
    return Uploads(uploads=request_uploads(services, tenant, request.files))
