from django.apps import AppConfig
from django.conf import settings

from sinfonietta.dicom.dataset.elements import Limits
from sinfonietta.dicom.sandbox import isolation


class DicomConfig(AppConfig):
    name = "sinfonietta.dicom"
    label = "dicom"

    def ready(self) -> None:
        """Gives the processes for strangers' files the site's limits; none is started before it is needed."""
        options = settings.OPTIONS
        isolation.configure(
            isolation.Sandbox(
                callers=max(1, options.web_threads * 2 // 3),
                memory_bytes=options.parse_memory_bytes,
                timeout_s=options.parse_timeout_s,
                limits=Limits(inflate_bytes=options.inflate_limit_bytes),
            )
        )
