# docs/security.md promises a test for each threat: there is one.

use strict;
use warnings;

use lib 't/lib';
use SealKM::Tool;
use Test::More;

my $page = text_of(source('docs/security.md'));
my ($left) = $page =~ /^## What is left(.*)/ms;
my @rows = grep { !/^\| (?:Threat|---)/ && !/^\|---/ } $page =~ /^(\|.*\|)$/mg;

cmp_ok(scalar @rows, '>', 30, 'there are threats');
is((grep { !m{\]\(\.\./t/[^)]+\) *(?:[:(]| shows|[^|]*)\|$} } @rows), 0,
   'each row has a test');

my %path = map { $_ => 1 } $page =~ m{\]\(\.\./([^)#]+)\)}g;
is(join(' ', grep { !-e source($_) } sort keys %path), '', 'and that is there');

# what a row says of a test is the name of one in it
like(text_of(source('t/record-attacks.t')), qr/^test '\Q$_\E'/m, $_)
    for $page =~ /record-attacks\.t\): \*(who [^*]+)\*/g;
ok(length($left // ''), 'and it says what is left');

done_testing();
