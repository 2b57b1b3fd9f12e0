# The pages lead to each other: each link goes to a file that is there, and to a
# heading that is in it; docs/README.md lists all that is in docs/.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use Encode 'decode';
use File::Basename 'dirname';
use SealKM::Tool;
use Test::More;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $top = source('');
my @pages = map { s/^\Q$top\E//r } source('README.md'), source('CHANGELOG.md'),
    sort glob source('docs/*.md');

sub page { return decode('UTF-8', text_of(source($_[0]))) }

# what is no prose
sub prose {
    my ($text) = @_;
    return $text =~ s/^( *)```.*?^\1```$//gmsr =~ s/``.*?``|`[^`\n]*`/``/gr;
}

# the names that GitHub gives to headings
my %anchors;

sub anchors {
    my ($page) = @_;

    return $anchors{$page} //= do {
        my (%found, %n);
        my $text = page($page) =~ s/^( *)```.*?^\1```$//gmsr;

        for ($text =~ /^#+ (.*)$/mg) {
            my $name = lc s/\[([^\]]*)\]\([^)]*\)/$1/gr;
            $name =~ s/[^\w\- ]//g;
            $name =~ s/ /-/g;
            $found{ $name . ($n{$name}++ ? '-' . ($n{$name} - 1) : '') } = 1;
        }
        \%found;
    };
}

sub plain {
    my ($path) = @_;
    my @parts;

    for (split m{/}, $path) {
        $_ eq '..' ? pop @parts : $_ ne '.' ? push @parts, $_ : ();
    }
    return join '/', @parts;
}

for my $page (@pages) {
    my @bad;
    my $links = 0;

    for (prose(page($page)) =~ /\]\(\s*([^)\s]+)\)/g) {
        next if /^[a-z]+:/;
        my ($file, $anchor) = /^([^#]*)(?:#(.*))?\z/;
        my $target = $file eq '' ? $page : plain(dirname($page) . "/$file");

        $links++;
        push @bad, $_ if !-e source($target)
            || defined $anchor && $target =~ /\.md\z/ && !anchors($target)->{$anchor};
    }

    is(join(' ', @bad), '', "$page: $links links");
}

my %listed = map { plain("docs/$_") => 1 } prose(page('docs/README.md')) =~ /\]\(([^)#]+)/g;
my @there = map { s/^\Q$top\E//r }
    grep { -f } map { glob source($_) } 'docs/*', 'docs/examples/*', 'docs/images/*';
is(join(' ', grep { !$listed{$_} && $_ ne 'docs/README.md' } @there), '',
   'the index has them all');

# pictures are well-formed
for my $svg (grep { /\.svg\z/ } @there) {
    my $run = run([ 'xmllint', '--noout', '--nonet', source($svg) ]);
    is("$run->{status} $run->{err}", '0 ', $svg);
}

done_testing();
