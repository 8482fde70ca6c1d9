"""Judges the simulator with the vendor's own SDK.

The SDK has to read a job that has ended, and with a wrong secret it has to be refused with 401.
Prints the job as JSON. Exits with 1 and one line on standard error when either goes wrong.
"""

import argparse
import json
import pathlib
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, SdkException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkdcs.v2 import DcsClient, ShowJobInfoRequest


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the simulator's URL")
    parser.add_argument("--project-id", required=True)
    parser.add_argument("--ak", required=True)
    parser.add_argument("--sk-file", required=True, type=pathlib.Path)
    parser.add_argument("--ca-file", help="trust this certificate")
    parser.add_argument("--job-id", default="job-finished", help="a job that has succeeded")
    options = parser.parse_args()
    secret = options.sk_file.read_text(encoding="utf-8").strip()
    job = read_finished_job(options, secret)
    expect_refusal(options, secret + "-and-more")
    print(json.dumps(job))


def read_finished_job(options, secret):
    try:
        job = show_job_info(options, secret)
    except SdkException as error:
        sys.exit(f"the SDK can't read the job: {error}")
    if job.get("job_id") != options.job_id or job.get("status") != "SUCCESS":
        sys.exit(f"the SDK read {json.dumps(job)}, and not job {options.job_id} in SUCCESS")
    return job


def expect_refusal(options, wrong_secret):
    try:
        job = show_job_info(options, wrong_secret)
    except ClientRequestException as error:
        if error.status_code == 401 and error.error_code == "APIGW.0301":
            return
        sys.exit(f"a wrong secret was refused, but not with 401 APIGW.0301: {error}")
    except SdkException as error:
        sys.exit(f"a wrong secret was not refused: {error}")
    sys.exit(f"a wrong secret was accepted: {json.dumps(job)}")


def show_job_info(options, secret):
    config = HttpConfig.get_default_config()
    config.ssl_ca_cert = options.ca_file
    client = (
        DcsClient.new_builder()
        .with_http_config(config)
        .with_credentials(BasicCredentials(options.ak, secret, options.project_id))
        .with_endpoint(options.url)
        .build()
    )
    return client.show_job_info(ShowJobInfoRequest(job_id=options.job_id)).to_dict()


if __name__ == "__main__":
    main()
