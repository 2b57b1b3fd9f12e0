# Every nginx configuration of README.md and docs/*.md is one that nginx takes,
# without a warning.  Which of them answer a request: docs-answers.t and
# policy-docs.t.

use strict;
use warnings;

use lib 't/lib';
use SealKM::Docs;
use SealKM::Tool;
use Test::More;

my %seen;

for my $page (pages()) {
    for my $block (blocks($page)) {
        my @all = whole($block);

        for my $n (0 .. $#all) {
            my ($status, $output) = check_conf($all[$n]);
            my @remarks = grep { !/ syntax is ok$| test is successful$/ }
                split /\n/, $output;
            $seen{$page}++;
            ok($status == 0 && !@remarks, "$page:$block->{line}"
               . (@all > 1 ? ', ' . ($n + 1) : ''))
                or diag("$output\n$all[$n]");
        }
    }
}

# a configuration that is not called one would not be seen
for my $page (pages()) {
    is(join('', grep { /^ *seal_km_\w+ .*;/m && !/^Syntax:/ }
                    map { $_->{text} } blocks($page, '')), '',
       "$page: each configuration says that it is one");
}

cmp_ok($seen{"docs/$_.md"}, '>=', 1, "docs/$_.md has some") for
    qw(deployment directives identity-servers install key-retrieval monitoring policy records redis);
cmp_ok($seen{'README.md'}, '>=', 2, 'README.md has some');

done_testing();
