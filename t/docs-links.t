# The pages lead to each other: each link goes to a file that is there, and to a
# heading that is in it; docs/README.md lists all pages, and each other file of
# docs/ is told of somewhere.

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

my %targets;

for my $page (@pages) {
    my @bad;

    for (prose(page($page)) =~ /\]\(\s*([^)\s]+)\)/g) {
        next if /^[a-z]+:/;
        my ($file, $anchor) = /^([^#]*)(?:#(.*))?\z/;
        my $target = $file eq '' ? $page : plain(dirname($page) . "/$file");

        push @{ $targets{$page} }, $target;
        push @bad, $_ if !-e source($target)
            || defined $anchor && $target =~ /\.md\z/ && !anchors($target)->{$anchor};
    }

    is(join(' ', @bad), '', "$page: " . @{ $targets{$page} // [] } . ' links');
}

my %listed = map { $_ => 1 } @{ $targets{'docs/README.md'} };
is(join(' ', grep { !$listed{$_} && m{^docs/(?!README\.md)} } @pages), '',
   'the index has all pages');

my %told = map { $_ => 1 } map { @$_ } values %targets;
my @there = map { s/^\Q$top\E//r }
    grep { -f } map { glob source($_) } 'docs/*', 'docs/examples/*', 'docs/images/*';
is(join(' ', grep { !$told{$_} } @there), '', 'and each file is told of');

# pictures are well-formed
for my $svg (grep { /\.svg\z/ } @there) {
    my $run = run([ 'xmllint', '--noout', '--nonet', source($svg) ]);
    is("$run->{status} $run->{err}", '0 ', $svg);
}

done_testing();
