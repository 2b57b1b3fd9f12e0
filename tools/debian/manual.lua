-- In a manual page a link is its text: where it leads to is another page.
function Link(link)
  return link.content
end
