package SealKM::Failing;

# Calls of nginx that fail once: t/preload/fail.c, compiled and preloaded into
# the nginx of this test file.
#
#     my $why_not = failing_nginx();    why it cannot be had, else undef
#     fail_memory($path, $n)            the n-th allocation after it opens $path
#     fail_epoll()                      it cannot wait for the next socket's bytes
#     has_failed('memory')              true once it has

use strict;
use warnings;

use Cwd 'abs_path';
use Exporter 'import';
use File::Basename 'dirname';
use SealKM::Util;
use Test::Nginx::Util ();

our @EXPORT = qw(failing_nginx fail_memory fail_epoll has_failed);

my $folder;


sub failing_nginx {
    return 'sanitizers and valgrind have allocators of their own'
        if ($ENV{SEAL_KM_MODULE} // '') eq 'none'
           || $ENV{TEST_NGINX_USE_VALGRIND};

    my $source = dirname(abs_path(__FILE__)) . '/../../preload/fail.c';
    my $library = temp_dir() . '/fail.so';
    my $cc = $ENV{CC} || 'cc';

    my $output = `$cc -shared -fPIC -O1 -Wall -Wextra -Werror -fno-builtin -o $library $source 2>&1`;
    die "fail.c: $output\n" if $?;

    $folder = temp_dir() . '/failing';
    mkdir $folder;

    my $script = temp_file(<<"END", 'nginx');
#!/bin/sh
exec env LD_PRELOAD=$library SEAL_KM_FAIL=$folder $Test::Nginx::Util::NginxBinary "\$@"
END
    chmod 0755, $script;
    $Test::Nginx::Util::NginxBinary = $script;
    return;
}


sub _control {
    my ($name, $text) = @_;

    unlink map { "$folder/$name$_" } '', '.armed', '.failed';
    temp_file($text, "failing/$name.new");
    rename "$folder/$name.new", "$folder/$name" or die "rename: $!";
    return;
}


sub fail_memory { return _control('memory', "$_[0] $_[1]") }
sub fail_epoll  { return _control('epoll', '') }
sub has_failed  { return -e "$folder/$_[0].failed" ? 1 : 0 }


1;
