-- In a manual page a link is its text: where it leads to is another page. And no
-- line is spread to the margin: a table's columns are too narrow for that.
function Link(link)
  return link.content
end

function Pandoc(doc)
  table.insert(doc.blocks, 1, pandoc.RawBlock('man', '.ad l'))
  return doc
end
