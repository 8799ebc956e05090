/** Text to copy: commands, addresses, code. It is always text and never markup. */
import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { IconButton } from './button.tsx'
import { classNames } from './class-names.ts'

const SAID_MS = 1_500

export function CopyButton({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), SAID_MS)
    return () => clearTimeout(timer)
  }, [copied])
  return (
    <IconButton
      size="sm"
      icon={copied ? Check : Copy}
      label={copied ? 'Copied' : label}
      onClick={() => void copyText(text).then(() => setCopied(true))}
    />
  )
}

export function CodeBlock({
  code,
  label,
  wrap = false,
  className,
}: {
  readonly code: string
  /** What it is, for those who hear it. */
  readonly label: string
  readonly wrap?: boolean
  readonly className?: string
}) {
  return (
    <section
      aria-label={label}
      className={classNames('flex items-start rounded-md border border-line bg-well', className)}
    >
      <pre
        // A long line is scrolled to, by keyboard too.
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable
        tabIndex={0}
        className={classNames(
          'min-w-0 flex-1 overflow-x-auto px-3 py-2.5 font-mono text-xs leading-5',
          wrap && 'break-all whitespace-pre-wrap',
        )}
      >
        <code>{code}</code>
      </pre>
      <div className="shrink-0 p-1">
        <CopyButton text={code} label={`Copy ${label}`} />
      </div>
    </section>
  )
}

/** Where the page is not served securely there is no clipboard; a selection that is copied works everywhere. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return await navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'fixed opacity-0'
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}
