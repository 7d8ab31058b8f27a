#!/bin/sh
# Starts Redis with one user, that of the services. Its password is made up at the first start, and stays in /access,
# which only Redis and the services can read. The arguments are options of redis-server.
set -eu

if [ ! -s /access/url ]; then
  umask 027
  password=$(od -A n -N 32 -t x1 /dev/urandom | tr -d ' \n')
  echo "redis://autoconnect:$password@redis:6379" >/access/url.new
  mv /access/url.new /access/url
fi

umask 077
password=$(sed 's/.*:\(.*\)@.*/\1/' /access/url)
rule=$(grep -v '^#' /redis/services.acl | tr '\n' ' ')
# Nobody can log in as default, but Redis itself loads its data with the rights of that user.
printf 'user default off resetpass ~* &* +@all\nuser autoconnect on >%s %s\n' "$password" "$rule" >/tmp/users.acl

# The image's own entrypoint adds the options that it always adds.
exec docker-entrypoint.sh redis-server --aclfile /tmp/users.acl "$@"
