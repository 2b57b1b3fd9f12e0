package SealKM::Preload;

# An nginx with one of t/preload, compiled and preloaded.
#
#     my $why_not = preload('fail', SEAL_KM_FAIL => $folder)
#                                    from now on nginx is started with t/preload/
#                                    fail.c and that in its environment; why it
#                                    cannot be, else undef

use strict;
use warnings;

use Cwd 'abs_path';
use Exporter 'import';
use File::Basename 'dirname';
use SealKM::Util;
use Test::Nginx::Util ();

our @EXPORT = qw(preload);


sub preload {
    my ($name, $variable, $value) = @_;

    return 'sanitizers and valgrind have allocators, and clocks, of their own'
        if ($ENV{SEAL_KM_MODULE} // '') eq 'none'
           || $ENV{TEST_NGINX_USE_VALGRIND};

    my $source = dirname(abs_path(__FILE__)) . "/../../preload/$name.c";
    my $library = temp_dir() . "/$name.so";
    my $cc = $ENV{CC} || 'cc';

    my $output = `$cc -shared -fPIC -O1 -Wall -Wextra -Werror -fno-builtin -o $library $source 2>&1`;
    die "$name.c: $output\n" if $?;

    my $script = temp_file(<<"END", "nginx-$name");
#!/bin/sh
exec env LD_PRELOAD=$library $variable=$value $Test::Nginx::Util::NginxBinary "\$@"
END
    chmod 0755, $script;
    $Test::Nginx::Util::NginxBinary = $script;
    return;
}


1;
