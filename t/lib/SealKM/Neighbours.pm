package SealKM::Neighbours;

# Other modules, that Debian packages for nginx, beside which ours has to work.
#
#     neighbours()          the paths of all, those first that others need
#     load_neighbours(@n)   load_module lines of these, by the names of their
#                           files: 'ndk_http', 'ngx_http_js'; without names of all
#     no_neighbours(@n)     why the nginx that runs the tests takes none of them;
#                           undef where it does.  Then all that are named have to
#                           be there: tools/setup.sh installs what tests need,
#                           and what lacks fails and is not skipped.

use strict;
use warnings;

use Exporter 'import';
use SealKM::Config;
use Test::More ();
use Test::Nginx::Util ();

our @EXPORT = qw(neighbours load_neighbours no_neighbours);

my %first = map { $_ => 1 } qw(ndk_http ngx_stream ngx_mail);


sub _name { return $_[0] =~ m{/(\w+)_module\.so$} ? $1 : $_[0] }


sub _folder {
    my ($folder) = `$Test::Nginx::Util::NginxBinary -V 2>&1`
        =~ /--modules-path=(\S+)/;
    return $folder // '';
}


sub neighbours {
    my @paths = grep { !/seal_km/ } glob _folder() . '/*_module.so';

    return ((grep { $first{ _name($_) } } @paths),
            (grep { !$first{ _name($_) } } @paths));
}


sub load_neighbours {
    my (@names) = @_;
    my $folder = _folder();

    return join '', map { "load_module $_;\n" }
        @names ? map { "$folder/${_}_module.so" } @names : neighbours();
}


sub no_neighbours {
    my (@names) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return 'the module is linked in' if ($ENV{SEAL_KM_MODULE} // '') eq 'none';

    my @there = map { _name($_) } neighbours();
    my @missing = grep { my $name = $_; !grep { $_ eq $name } @there } @names;

    # an nginx that was built here takes none of Debian's
    return 'this nginx takes none of Debian\'s modules'
        if !_folder()
           || @there && (nginx_t(main_config => load_neighbours($there[0])))[1]
              =~ /binary compatible|version \d+ instead of/;

    Test::More::is("@missing", '', 'the other modules are there');
    return;
}


1;
