package SealKM::KeyFile;

# A file of keys that changes while nginx uses it.
#
#     my $file = SealKM::KeyFile->new('rsa', 'ec256');    what jwks() takes
#     $file->path
#     $file->write('rsa2')        into the same file, with white space at its end
#                                 where it was longer
#     $file->replace('rsa2')      another file takes its name
#     text(...)                   the text of those keys
#     $file->write(\'any text')
#     $file->keep_times(sub { })  whatever it does, size and mtime look as before
#     until_reason('token_key', REQUEST)
#                                 asks till that is the answer; false in the end

use strict;
use warnings;

use Exporter 'import';
use SealKM::Keys;
use SealKM::Util;

our @EXPORT = qw(text until_reason);

my $n = 0;


sub new {
    my ($class, @keys) = @_;
    my $self = bless { path => temp_file(text(@keys), 'keys' . ++$n) }, $class;
    return $self;
}


sub path { return $_[0]{path} }


sub text {
    my (@keys) = @_;
    open my $file, '<', jwks(@keys) or die "jwks: $!";
    local $/;
    return scalar <$file>;
}


sub write {
    my ($self, @keys) = @_;
    my $text = text(@keys);

    # all at once: who reads finds the old text or the new one
    open my $file, '+<:raw', $self->{path} or die "$self->{path}: $!";
    $text .= ' ' x ((-s $file) - length $text) if -s $file > length $text;
    defined(syswrite $file, $text) or die "$self->{path}: $!";
    close $file or die "$self->{path}: $!";
    return $self;
}


sub replace {
    my ($self, @keys) = @_;
    my $new = temp_file(text(@keys), 'new-keys' . ++$n);

    rename $new, $self->{path} or die "$self->{path}: $!";
    return $self;
}


sub keep_times {
    my ($self, $do) = @_;
    my ($size, $mtime) = (stat $self->{path})[7, 9];

    $do->();
    my $now = -s $self->{path};
    die "too large by " . ($now - $size) . " bytes\n" if $now > $size;

    # JSON may end in white space
    open my $file, '>>', $self->{path} or die "$self->{path}: $!";
    print $file ' ' x ($size - $now);
    close $file or die "$self->{path}: $!";
    utime $mtime, $mtime, $self->{path} or die "utime: $!";
    return $self;
}


# a connection that is closed instead is no answer yet
sub until_reason {
    my ($reason, $set) = @_;

    return wait_for(sub {
        my $response = SealKM::post(%$set) or return 0;
        return ($response->header('X-Reason') // '') eq $reason;
    });
}


1;
