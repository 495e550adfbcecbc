#!/bin/sh
# Installs the Debian 12 packages that building, testing and the demo need. All there: does nothing and needs no network.
set -eu

build='gcc make meson ninja-build pkg-config python3 liblmdb-dev libzstd-dev libsnappy-dev liblz4-dev libbz2-dev zlib1g-dev libyaml-dev
	libjansson-dev libssl-dev libsystemd-dev libcurl4-openssl-dev librdkafka-dev libmicrohttpd-dev libseccomp-dev'
check='libcmocka-dev liblzo2-dev nfdump clang libclang-rt-14-dev python3-venv strace procps util-linux mount xz-utils binutils libpcap-dev tshark spin chromium chromium-driver
	dpkg-dev debhelper lintian mandoc man-db groff-base'
demo='nfdump faketime libfaketime python3-venv'
# The servers of the cluster tests. Where these cannot be had, those tests are skipped and everything else works.
cluster='openjdk-17-jre-headless maven openssl librdkafka1 curl krb5-kdc krb5-admin-server'

if ! command -v dpkg-query >/dev/null; then
	echo "deps: not a Debian system; needed are, by their Debian names:" $build $check $demo >&2
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

missing=$(missing $build $check $demo)
servers=$(missing $cluster)
[ -n "$missing$servers" ] || exit 0

root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "deps: run as root: apt-get install$missing$servers" >&2; exit 1; }
	root=sudo
fi

# Debian starts a package's service when it is installed. nfdump and Kerberos bring some that this machine did not ask for: a policy
# keeps them from starting now, and disabling them from starting later. A policy that is already there is the machine's own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap '$root rm -f "$policy"' EXIT
	trap 'exit 1' INT TERM HUP
	printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
	$root chmod 755 "$policy"
fi

install()
{
	echo "deps: installing $*" >&2
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

$root apt-get update -q
[ -z "$missing" ] || install $missing
[ -z "$servers" ] || install $servers || echo "deps: without$servers the cluster tests are skipped" >&2
for service in nfdump krb5-kdc krb5-admin-server; do
	case " $missing$servers " in
	*" $service "*)
		if command -v systemctl >/dev/null; then
			$root systemctl disable "$service.service" >/dev/null 2>&1 || true
			echo "deps: $service's own service stays off (systemctl enable $service starts it)" >&2
		fi
		;;
	esac
done
