//! What is wrong with a file: all of it at once, each with its place and what to do.

use super::errors;

#[test]
fn scratch() {
    for text in [
        "[poll]\ninitial_interval = 1\nmax_intervall = \"3s\"\njitter = \"0.2\"\nmultiplier = 0.5\ntimeout = \"soon\"\nmax_rps = 3\nfoo=1",
        "[polls]\nx=1\n[zzz]\n[[poll]]\n",
        "[[poll]]\n",
        "[limits]\nmax_rps = 0\n[http]\nlisten=\"0.0.0.0:1\"\nmax_connections = 0\nrequest_timeout = \"0s\"\nsocket=\"\"\ntoken=\"s3cret\"",
        "[limits]\nmax_rps = nan\n[http]\nlisten=\"localhost:1\"\ntoken_file=\"$HOME/x\"\nsocket=\"~/x\"",
        "[[hook]]\n[[hook]]\nname=\"a\"\ntype=\"webhok\"\n[[hook]]\nname=\"a\"\ntype=\"webhook\"\nurl=\"ftp://u:s3cret@x/\"\nsecrets=[\"whsec_abc\",\"a\",\"b\"]\non=[\"success\", 3]\n",
        "[[hook]]\nname=\"a\"\ntype=\"webhook\"\nurl=\"https://u:s3cret@x/\"\nsecrets=\"whsec_abc\"\nargv=[]\nheaders={Host=\"x\", X-A=1, \"a b\"=\"x\", ok=\"s3cret\\n\"}\nheader_files={ok=\"f\"}\n",
        "[[hook]]\nname=\"b\"\ntype=\"exec\"\nargv=[]\ntimeout=\"0s\"\n[[hook]]\nname=\"c\"\ntype=\"file\"\n[[hook]]\nname=\"d\"\ntype=\"exit\"\ncodes={suceeded=0,failed=256}\nconcurrency=0\ndefault=\"yes\"",
        "[[hook]]\nname=\"ci\"\ntype=\"exit\"\n[[watch]]\njob_id=\"a/b\"\nproject=\"mian\"\nhooks=[\"c1\"]\n[[watch]]\njob_id=\"x\"\n[[watch]]\njob_id=\"x\"\nproject=\"main\"\n",
        "[[project]]\nname=\"main\"\nregion=\"a.b\"\nendpoint=\"ftp://x:s3cret@y\"\nproject_id=\"a b\"\nak_file=\"x\"\n[[project]]\nname=\"two\"\nauth_token_file=\"y\"\nsk_file=\"z\"\n[[watch]]\njob_id=\"x\"",
        "[poll\ntimeout = \"24h\"\njitter = = 3\nfoo = \"s3cret\n",
        "[poll]\njitter = 0.1\njitter = 0.2\n[poll]\n",
        "poll = 1\nhook = 2\n[daemon]\nlog = \"jurnal\"\nlog_level=\"trace\"\n[store]\npath=\"${CREDENTIALS_DIRECTORY}/x\"\nretention=\"0s\"",
        "max_rps = 3\n",
        "name = \"x\"\nendpoint.x = 1\n\"\\u001b[2Jx\" = 1\n",
    ] {
        println!("-----\n{text}\n>>>>>\n{}", errors(text));
    }
}
