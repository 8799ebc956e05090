/**
 * A list of things to do, opened by a button.
 *
 * Until somebody is about to open one, the page has only the button: menus are fetched when the pointer or the focus
 * comes near the first of them.
 */
import { cloneElement, lazy, type ReactElement, type ReactNode, Suspense, useState } from 'react'

const load = () => import('./menu-list.tsx')
const OpenMenu = lazy(() => load().then((module) => ({ default: module.OpenMenu })))

type MenuParts = typeof import('./menu-list.tsx')

type TriggerProps = {
  readonly onClick?: () => void
  readonly onPointerEnter?: () => void
  readonly onFocus?: () => void
  readonly 'aria-haspopup'?: 'menu'
  readonly 'aria-expanded'?: boolean
}

export function Menu({
  trigger,
  items,
  align = 'start',
}: {
  readonly trigger: ReactElement<TriggerProps>
  /** What stands in it, made from the parts that are fetched with it. */
  readonly items: (parts: MenuParts) => ReactNode
  readonly align?: 'start' | 'end'
}) {
  const [parts, setParts] = useState<MenuParts>()
  const closed = cloneElement(trigger, {
    'aria-haspopup': 'menu',
    'aria-expanded': false,
    onPointerEnter: () => void load(),
    onFocus: () => void load(),
    onClick: () => void load().then(setParts),
  })
  if (!parts) return closed
  return (
    <Suspense fallback={closed}>
      <OpenMenu trigger={trigger} align={align}>
        {items(parts)}
      </OpenMenu>
    </Suspense>
  )
}
