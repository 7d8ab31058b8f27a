#!/bin/sh
# Succeeds if Redis answers to the services' user. The exit code of redis-cli says nothing: it is 0 for an error, too.
set -eu
REDISCLI_AUTH=$(sed 's/.*:\(.*\)@.*/\1/' /access/url)
export REDISCLI_AUTH
redis-cli --user autoconnect ping | grep -q PONG
