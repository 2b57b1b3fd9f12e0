# When the module is configured anew: tools/build-module.sh, with a stand-in for
# nginx's sources that notes each time that its configure has run.

use strict;
use warnings;

use lib 't/lib';

use Cwd 'abs_path';
use File::Path 'make_path';
use SealKM::Util;
use Test::More;

my $top = abs_path('t/lib') =~ s{/t/lib\z}{}r;
my ($source, $jwt, $build) = map { temp_dir() . "/$_" } qw(nginx jwt build);
my $runs = "$source/runs";

sub put {
    my ($path, $text) = @_;
    make_path($path =~ s{/[^/]*\z}{}r);
    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
    return;
}

# how often configure has run, once the module has been built
sub runs_after {
    my (%env) = @_;
    local @ENV{keys %env} = values %env;
    local $ENV{NGINX_SRC} = $source;
    local $ENV{LIBJWT_PREFIX} = $env{LIBJWT_PREFIX} // $jwt;
    my $output = `$top/tools/build-module.sh $build 2>&1`;

    $? == 0 or die "build-module.sh: $output";
    open my $file, '<', $runs or die "$runs: $!";
    return scalar(() = <$file>);
}

put("$source/conf_flags", "NGX_CONF_FLAGS=()\n");
put("$source/src/core/nginx.h", "");
put("$source/configure", <<"END");
#!/bin/sh
echo run >> $runs
printf 'modules:\\n\\t\@touch $build/ngx_http_seal_km_module.so\\n' > $build/Makefile
END
chmod 0755, "$source/configure";
put("$jwt/lib/libjwt.a", 'one');
put("$jwt/include/jwt.h", 'one');

is(runs_after(), 1, 'the first time');
is(runs_after(), 1, 'nothing has changed');
put("$jwt/lib/libjwt.a", 'two');
is(runs_after(), 2, 'another library');
is(runs_after(), 2, 'which stays');
put("$jwt/include/jwt.h", 'two');
is(runs_after(), 3, 'another header');
is(runs_after(CFLAGS => '-DX=1'), 4, 'other flags');
is(runs_after(), 5, 'and the former ones again');
put("$jwt.new/$_", 'two') for qw(lib/libjwt.a include/jwt.h);
is(runs_after(LIBJWT_PREFIX => "$jwt.new"), 6, 'another prefix');

done_testing();
