/** The playground's request, as the code that would send it. */
import { useState } from 'react'
import { Card } from '../../../design/card.tsx'
import { CodeBlock } from '../../../design/code-block.tsx'
import { Segmented } from '../../../design/tabs.tsx'
import {
  type CodeLanguage,
  type CodeRequest,
  codeLanguages,
  LANGUAGE_LABELS,
  requestAsCode,
} from './request-as-code.ts'

export function RequestCode({
  request,
  title = 'As code',
}: {
  readonly request: CodeRequest
  readonly title?: string
}) {
  const [wanted, setWanted] = useState<CodeLanguage>('curl')
  const known = codeLanguages.flatMap((language) => {
    const code = requestAsCode(language, request)
    return code === undefined ? [] : [{ language, code }]
  })
  const shown = known.find(({ language }) => language === wanted) ?? known[0]!
  return (
    <Card title={title} bodyClassName="flex flex-col gap-3 p-4">
      <div className="overflow-x-auto">
        <Segmented
          label="Language"
          value={shown.language}
          choices={known.map(({ language }) => ({ value: language, label: LANGUAGE_LABELS[language] }))}
          onValue={setWanted}
        />
      </div>
      <CodeBlock code={shown.code} label={`request with ${LANGUAGE_LABELS[shown.language]}`} />
    </Card>
  )
}
