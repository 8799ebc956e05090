/**
 * Markdown as a model writes it, drawn with elements of our own.
 *
 * What a model says is hostile text: HTML in it is shown as it is written, pictures are links, and links lead only to
 * the web or to mail.
 */
import { lexer, type Token, type Tokens } from 'marked'
import { Fragment, memo, type ReactNode } from 'react'
import { CodeBlock } from '../../../design/code-block.tsx'

export const Markdown = memo(function Markdown({ text }: { readonly text: string }) {
  return <div className="flex flex-col gap-2.5 leading-relaxed">{blocks(lexer(text))}</div>
})

function blocks(tokens: readonly Token[]): ReactNode[] {
  // The text only grows at its end, so a place is a name.
  return tokens.map((token, place) => (
    <Fragment key={String(place)}>{block(token as Tokens.Generic)}</Fragment>
  ))
}

function block(token: Tokens.Generic): ReactNode {
  switch (token.type) {
    case 'space':
    case 'def':
      return null
    case 'heading':
      return <p className="font-semibold">{inline(token.tokens)}</p>
    case 'code':
      return <CodeBlock code={token['text']} label={`${token['lang'] || 'code'}`} />
    case 'blockquote':
      return (
        <blockquote className="flex flex-col gap-2 border-l-2 border-line-strong pl-3 text-soft">
          {blocks(token.tokens ?? [])}
        </blockquote>
      )
    case 'list':
      return <List list={token as Tokens.List} />
    case 'table':
      return <Table table={token as Tokens.Table} />
    case 'hr':
      return <hr className="border-line" />
    case 'html':
      return <p className="whitespace-pre-wrap">{token.raw}</p>
    default:
      return <p className="whitespace-pre-wrap">{token.tokens ? inline(token.tokens) : token.raw}</p>
  }
}

function List({ list }: { readonly list: Tokens.List }) {
  const items = list.items.map((item, place) => (
    <li key={String(place)} className="pl-1">
      {item.tokens.map((token, part) => (
        <Fragment key={String(part)}>
          {token.type === 'text'
            ? inline((token as Tokens.Text).tokens ?? [token])
            : block(token as Tokens.Generic)}
        </Fragment>
      ))}
    </li>
  ))
  return list.ordered ? (
    <ol start={list.start || 1} className="flex list-decimal flex-col gap-1 pl-6">
      {items}
    </ol>
  ) : (
    <ul className="flex list-disc flex-col gap-1 pl-6">{items}</ul>
  )
}

function Table({ table }: { readonly table: Tokens.Table }) {
  return (
    <div className="overflow-x-auto">
      <table className="border-collapse text-left">
        <thead>
          <tr>
            {table.header.map((cell, place) => (
              <th key={String(place)} className="border border-line bg-well px-2 py-1 font-medium">
                {inline(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, line) => (
            <tr key={String(line)}>
              {row.map((cell, place) => (
                <td key={String(place)} className="border border-line px-2 py-1">
                  {inline(cell.tokens)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function inline(tokens: readonly Token[] = []): ReactNode[] {
  return tokens.map((token, place) => (
    <Fragment key={String(place)}>{word(token as Tokens.Generic)}</Fragment>
  ))
}

function word(token: Tokens.Generic): ReactNode {
  switch (token.type) {
    case 'strong':
      return <strong className="font-semibold">{inline(token.tokens)}</strong>
    case 'em':
      return <em>{inline(token.tokens)}</em>
    case 'del':
      return <del>{inline(token.tokens)}</del>
    case 'codespan':
      return <code className="rounded-sm bg-well px-1 py-px font-mono text-xs">{token['text']}</code>
    case 'br':
      return <br />
    case 'link':
    case 'image':
      return (
        <Outward href={token['href']}>
          {token.type === 'image' ? token['text'] : inline(token.tokens)}
        </Outward>
      )
    case 'escape':
      return token['text']
    case 'text':
      return token.tokens ? inline(token.tokens) : unescaped(token['text'])
    default:
      return token.raw
  }
}

function Outward({ href, children }: { readonly href: string; readonly children: ReactNode }) {
  if (!/^(https?:\/\/|mailto:)/i.test(href)) return children
  return (
    <a
      href={href}
      target="_blank"
      rel="noopener noreferrer"
      className="text-accent underline underline-offset-2"
    >
      {children}
    </a>
  )
}

/** The lexer escapes plain text for HTML, which React does again. */
const unescaped = (text: string) =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
