#!/bin/sh
# deps.sh [SET]: installs those Debian 12 packages of a set that are missing. All there: does nothing and needs no network. Sets:
#
#   build     what the program is built with
#   demo      and what `make demo` runs
#   deb       build, and what `make deb` takes
#   cluster   demo, and the real servers of `make demo-cluster` and `make cluster-up`
#   check     all of these, and what the tests need; without a word it is this one
set -eu

set=${1:-check}
build='gcc make meson ninja-build pkg-config python3 liblmdb-dev libzstd-dev libsnappy-dev liblz4-dev libbz2-dev zlib1g-dev libyaml-dev
	libjansson-dev libssl-dev libsystemd-dev libcurl4-openssl-dev librdkafka-dev libmicrohttpd-dev libseccomp-dev'
# cmocka and lzo2: its DNS capture is made by a program that is built with the tests.
demo='libcmocka-dev liblzo2-dev nfdump faketime libfaketime python3-venv'
deb='git build-essential dpkg-dev debhelper'
check='clang libclang-rt-14-dev strace procps util-linux mount xz-utils binutils libpcap-dev tshark spin chromium chromium-driver
	lintian mandoc man-db groff-base'
# The servers of the cluster tests. Where these cannot be had, those tests are skipped and everything else works.
servers='openjdk-17-jre-headless maven openssl librdkafka1 curl krb5-kdc krb5-admin-server'

case $set in
build) wanted=$build optional= ;;
demo) wanted="$build $demo" optional= ;;
deb) wanted="$build $deb" optional= ;;
cluster) wanted="$build $demo" optional=$servers ;;
check) wanted="$build $demo $deb $check" optional=$servers ;;
*) echo "deps: no set is called $set: build, demo, deb, cluster, check" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
	echo "deps: not a Debian system; needed are, by their Debian names:" $wanted $optional >&2
	exit 0
fi

# missing PACKAGE...: those that are not installed
missing()
{
	out=
	for package; do
		case " $out " in *" $package "*) continue ;; esac
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$status" = installed ] || out="$out $package"
	done
	echo "$out"
}

wanted=$(missing $wanted)
optional=$(missing $optional)
[ -n "$wanted$optional" ] || exit 0

root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "deps: run as root: apt-get install --no-install-recommends$wanted$optional" >&2; exit 1; }
	root=sudo
fi

log=$(mktemp)
policy=/usr/sbin/policy-rc.d made_policy=
leave()
{
	rm -f "$log"
	[ -z "$made_policy" ] || $root rm -f "$policy"
}
trap leave EXIT
trap 'exit 1' INT TERM HUP

# Debian starts a package's service when it is installed. nfdump and Kerberos bring some that this machine did not ask for: a policy
# keeps them from starting now, and disabling them from starting later. A policy that is already there is the machine's own.
if [ ! -e "$policy" ]; then
	made_policy=yes
	printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
	$root chmod 755 "$policy"
fi

# apt WORD...: says something only when it fails, and then the end of what it said
apt()
{
	$root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1
}

# How much it will be, in apt's words: "37 packages, 52.1 MB to fetch, 210 MB on the disk"
size_of()
{
	apt install --assume-no --no-install-recommends "$@" || true
	sed -n 's/.* \([0-9]*\) newly installed.*/\1 packages/p; s/^Need to get \([0-9.,]* [kMG]*B\).*/, \1 to fetch/p
		s/^After this operation, \([0-9.,]* [kMG]*B\) of additional.*/, \1 on the disk/p' "$log" | tr -d '\n' | sed 's/^1 packages/1 package/'
}

install()
{
	size=$(size_of "$@")
	echo "deps: installing what is missing of the set $set${size:+ ($size with what they depend on)}: $*" >&2
	apt install -y --no-install-recommends "$@" || { tail -25 "$log" >&2; return 1; }
}

apt update || { tail -25 "$log" >&2; exit 1; }
[ -z "$wanted" ] || install $wanted
[ -z "$optional" ] || install $optional || echo "deps: without$optional the cluster tests are skipped" >&2
for service in nfdump krb5-kdc krb5-admin-server; do
	case " $wanted$optional " in
	*" $service "*)
		if command -v systemctl >/dev/null; then
			$root systemctl disable "$service.service" >/dev/null 2>&1 || true
			echo "deps: $service's own service stays off (systemctl enable $service starts it)" >&2
		fi
		;;
	esac
done
