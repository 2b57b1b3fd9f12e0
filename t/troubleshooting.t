# docs/troubleshooting.md has each line that the module may write to the error log,
# and no line that it does not write.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use Encode 'decode';
use SealKM::Sources;
use SealKM::Tool;
use Test::More;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $page = decode('UTF-8', text_of(source('docs/troubleshooting.md')));

# what is in the first column of the tables; nginx's own lines are in a section of
# their own, and the words of reasons in another
my ($own) = $page =~ /^(.*?)^## Lines that are nginx's/ms;
my @told;

for (split /\n/, $own) {
    next if !/^\| (.*?) (?<!\\)\|/;
    my $cell = $1 =~ s/"seal_km_…"/"…"/gr;
    push @told, map { s/\\\|/|/gr } $cell =~ /`` (.*?) ``|`([^`]+)`/
        ? grep { defined } $cell =~ /`` (.*?) ``|`([^`]+)`/g : ();
}

cmp_ok(scalar @told, '>', 100, 'the page has lines');

my @messages = messages();
cmp_ok(scalar @messages, '>', 200, 'the sources have them');

# a message is told where an entry has all of it, or begins it and leaves the rest
# out
sub is_told {
    my ($message) = @_;

    # the format may be for any directive
    for my $entry (@told, map { s/"seal_km_\w+"/"…"/gr } @told) {
        return 1 if index($entry, $message) >= 0;
        next if $entry !~ /^(.*)…\z/;
        my $begin = $1;
        for my $length (reverse 20 .. length $message) {
            return 1 if substr($begin, -$length) eq substr($message, 0, $length)
                        && $length <= length $begin;
        }
    }

    return 0;
}

my %missing = map { ("$_->[1]: $_->[0]" => 1) } grep { !is_told($_->[0]) } @messages;
is(join("\n", sort keys %missing), '', 'each line of the sources is on the page');


# an entry is made of what the sources have, with "…" for what differs

my @pieces = sort { length $b <=> length $a }
    keys %{{ map { $_ => 1 } grep { length } map { split /\s*…\s*/, $_->[0] }
             @messages }};

# words that fill a format of their own, and are no sentence
my %word = map { $_ => 1 } directives(), qw(GET cid: kid NOPERM NOAUTH WRONGTYPE
    LOADING MASTERDOWN CLUSTERDOWN MOVED ASK TRYAGAIN client_id scope exp nbf sub
    cnf claim directive token_key);

sub rest {
    my ($entry) = @_;
    my @parts = grep { /\w/ } split /…/, $entry;

    # the last one may be the beginning of a longer text
    if ($entry =~ /…\z/ && @parts) {
        my $last = $parts[-1];
        for my $length (reverse 20 .. length $last) {
            my $begin = substr $last, -$length;
            next if !grep { index($_, $begin) == 0 } @pieces;
            substr($last, -$length) = '';
            last;
        }
        $parts[-1] = $last;
    }

    for my $piece (@pieces) {
        s/(?<!\w)\Q$piece\E(?!\w)|\Q$piece\E(?<=\W)/ /g for @parts;
    }

    my $left = join ' ', @parts;
    $left =~ s/[\s",.:;()]+/ /g;
    return $left =~ s/^ | $//gr;
}

my %unknown;
for my $entry (@told) {
    my @words = grep { !$word{$_} } split / /, rest($entry);
    $unknown{"$entry: \"@words\""} = 1 if @words;
}

is(join("\n", sort keys %unknown), '', 'each line of the page is in the sources');

my %seen;

# where an entry leads to
for my $target ($page =~ /\]\(([^)#]+\.md)(?:#[^)]*)?\)/g) {
    ok(-e source("docs/$target"), "$target is there") if !$seen{$target}++;
}

done_testing();
