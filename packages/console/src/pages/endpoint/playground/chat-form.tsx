/** A conversation with the model, streamed as it comes. */
import { ImagePlus, RotateCcw, Send, Square, X } from 'lucide-react'
import { type KeyboardEvent, useEffect, useRef, useState } from 'react'
import { Button, IconButton } from '../../../design/button.tsx'
import { Card } from '../../../design/card.tsx'
import { Textarea } from '../../../design/field.tsx'
import { ErrorNote } from '../../../design/note.tsx'
import { count } from '../../../text/quantities.ts'
import { duration } from '../../../text/times.ts'
import { useEndpoint } from '../endpoint-context.ts'
import {
  type ChatSettings,
  chatBody,
  DEFAULT_SETTINGS,
  type Figures,
  type Turn,
  tokensPerSecond,
} from './chat-exchange.ts'
import { ChatSettingsForm } from './chat-settings.tsx'
import { Markdown } from './markdown.tsx'
import { takesImages } from './playground-kind.ts'
import { RequestCode } from './request-code.tsx'
import { type Conversation, useConversation } from './use-conversation.ts'
import { WakingNote } from './waking-note.tsx'

const PATH = '/v1/chat/completions'
const MAX_IMAGE_BYTES = 8 * 1024 * 1024

export function ChatForm() {
  const { namespace, name, status, model } = useEndpoint()
  const [settings, setSettings] = useState<ChatSettings>(DEFAULT_SETTINGS)
  const conversation = useConversation(namespace, name, settings)
  return (
    <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_18rem]">
      <div className="flex min-w-0 flex-col gap-4">
        <WakingNote waiting={conversation.busy} />
        <Card bodyClassName="flex min-h-[24rem] flex-col">
          <Turns conversation={conversation} />
          {conversation.error !== undefined && (
            <div className="px-4 pb-3">
              <ErrorNote error={conversation.error} />
            </div>
          )}
          <Composer conversation={conversation} withImages={takesImages(model.task)} />
        </Card>
        <RequestCode
          request={{
            url: status.url ?? '',
            path: PATH,
            body: chatBody(
              `${namespace}/${name}`,
              conversation.turns.some(({ role }) => role === 'user')
                ? conversation.turns
                    .filter((turn, i, all) => i < all.length - 1 || turn.role === 'user')
                    .map(withoutPictures)
                : [{ role: 'user', text: 'Hello' }],
              settings,
            ),
          }}
        />
      </div>
      <ChatSettingsForm settings={settings} onChange={setSettings} />
    </div>
  )
}

/** Megabytes of a picture help nobody who reads code. */
const withoutPictures = (turn: Turn): Turn =>
  turn.images ? { ...turn, images: turn.images.map(() => 'data:image/png;base64,…') } : turn

function Turns({ conversation: { turns, busy, clear } }: { readonly conversation: Conversation }) {
  const end = useRef<HTMLDivElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the end moves with every piece of text
  useEffect(() => {
    // Newer browsers answer with a promise, which is no clean-up.
    end.current?.scrollIntoView({ block: 'nearest' })
  }, [turns])
  if (turns.length === 0) {
    return (
      <p className="m-auto px-6 py-10 text-center text-soft">
        Ask it something. The answer streams as it is written.
      </p>
    )
  }
  return (
    <div className="flex max-h-[60vh] flex-1 flex-col overflow-y-auto">
      <ol className="flex flex-col gap-5 px-4 py-4" aria-live="polite" aria-busy={busy}>
        {turns.map((turn, place) => (
          <li key={String(place)} className="flex flex-col gap-1.5">
            <span className="text-xs font-medium text-faint">{turn.role === 'user' ? 'You' : 'Model'}</span>
            {turn.images?.map((image) => (
              <img
                key={image.slice(0, 200)}
                src={image}
                alt="What was sent along"
                className="max-h-48 w-fit rounded-md border border-line"
              />
            ))}
            {turn.role === 'user' ? (
              <p className="whitespace-pre-wrap">{turn.text}</p>
            ) : (
              <Answer turn={turn} busy={busy && place === turns.length - 1} />
            )}
          </li>
        ))}
      </ol>
      <div ref={end} className="flex justify-end px-4 pb-2">
        <Button look="quiet" size="sm" icon={RotateCcw} onClick={clear}>
          Start again
        </Button>
      </div>
    </div>
  )
}

function Answer({ turn, busy }: { readonly turn: Turn; readonly busy: boolean }) {
  return (
    <>
      {turn.text === '' && busy ? <span className="skeleton h-4 w-24" /> : <Markdown text={turn.text} />}
      {turn.figures && <FiguresLine figures={turn.figures} />}
    </>
  )
}

function FiguresLine({ figures }: { readonly figures: Figures }) {
  const speed = tokensPerSecond(figures)
  const parts = [
    figures.firstTokenMs === undefined ? undefined : `first token ${duration(figures.firstTokenMs)}`,
    `in all ${duration(figures.totalMs)}`,
    figures.promptTokens === undefined ? undefined : `${count(figures.promptTokens)} tokens in`,
    figures.completionTokens === undefined ? undefined : `${count(figures.completionTokens)} out`,
    speed === undefined ? undefined : `${speed.toFixed(speed < 10 ? 1 : 0)} tokens/s`,
    figures.finishReason === 'length' ? 'cut off at the limit of tokens' : undefined,
  ]
  return <p className="text-xs text-faint tabular">{parts.filter(Boolean).join(' · ')}</p>
}

function Composer({
  conversation,
  withImages,
}: {
  readonly conversation: Conversation
  readonly withImages: boolean
}) {
  const [text, setText] = useState('')
  const [images, setImages] = useState<readonly string[]>([])
  const chooser = useRef<HTMLInputElement>(null)
  const { busy } = conversation
  const refusal = text.trim() === '' ? 'Write something first.' : undefined
  const submit = () => {
    if (refusal !== undefined || busy) return
    conversation.say(text, images)
    setText('')
    setImages([])
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    submit()
  }
  return (
    <form
      className="mt-auto flex flex-col gap-2 border-t border-line p-3"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      {images.length > 0 && (
        <div className="flex flex-wrap gap-2">
          {images.map((image, place) => (
            <div key={String(place)} className="relative">
              <img src={image} alt="To be sent along" className="h-16 rounded-md border border-line" />
              <IconButton
                size="sm"
                icon={X}
                label="Leave it out"
                className="absolute -top-2 -right-2 bg-surface"
                onClick={() => setImages(images.filter((_, i) => i !== place))}
              />
            </div>
          ))}
        </div>
      )}
      <div className="flex items-end gap-2">
        <Textarea
          value={text}
          onValue={setText}
          onKeyDown={onKeyDown}
          rows={2}
          aria-label="Message"
          placeholder="Message, Shift+Enter for a new line"
        />
        {withImages && (
          <>
            <input
              ref={chooser}
              type="file"
              accept="image/*"
              className="hidden"
              onChange={(event) => {
                const file = event.target.files?.[0]
                event.target.value = ''
                if (file && file.size <= MAX_IMAGE_BYTES)
                  void asDataAddress(file).then((image) => setImages([...images, image]))
              }}
            />
            <IconButton
              icon={ImagePlus}
              label="Send a picture along"
              onClick={() => chooser.current?.click()}
            />
          </>
        )}
        {busy ? (
          <Button icon={Square} onClick={conversation.stop}>
            Stop
          </Button>
        ) : (
          <Button look="primary" icon={Send} type="submit" refusal={refusal}>
            Send
          </Button>
        )}
      </div>
    </form>
  )
}

function asDataAddress(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(file)
  })
}
