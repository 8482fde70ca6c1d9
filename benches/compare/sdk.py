"""Prints the status of a DCS job, as a user of the vendor's SDK would write it."""

import argparse
import pathlib

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkdcs.v2 import DcsClient, ShowJobInfoRequest

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--endpoint", required=True)
parser.add_argument("--project-id", required=True)
parser.add_argument("--ak-file", required=True, type=pathlib.Path)
parser.add_argument("--sk-file", required=True, type=pathlib.Path)
parser.add_argument("--ca-file")
parser.add_argument("job_id")
options = parser.parse_args()

config = HttpConfig.get_default_config()
config.ssl_ca_cert = options.ca_file
client = (
    DcsClient.new_builder()
    .with_credentials(
        BasicCredentials(
            options.ak_file.read_text().strip(),
            options.sk_file.read_text().strip(),
            options.project_id,
        )
    )
    .with_region(Region(id="simulated", endpoint=options.endpoint))
    .with_http_config(config)
    .build()
)
print(client.show_job_info(ShowJobInfoRequest(job_id=options.job_id)).status)
