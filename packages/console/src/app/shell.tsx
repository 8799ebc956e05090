/** What stays while pages change: where one is, where one can go, and whether Berth is there. */
import { Outlet, useRouterState } from '@tanstack/react-router'
import { Menu as MenuIcon, Search, X } from 'lucide-react'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useIsReachable } from '../api/connection.ts'
import { useNews } from '../api/news.ts'
import { IconButton } from '../design/button.tsx'
import { classNames } from '../design/class-names.ts'
import { Keys } from '../design/keys.tsx'
import { Logo } from '../design/logo.tsx'
import { Note } from '../design/note.tsx'
import { useDeviceAheadMs } from '../text/clock.ts'
import { duration } from '../text/times.ts'
import { AccountMenu } from './account-menu.tsx'
import { useNamespace } from './namespace.ts'
import { NamespaceSwitch } from './namespace-switch.tsx'
import { Navigation } from './navigation.tsx'
import { PagePending } from './page-states.tsx'
import { useShortcuts } from './shortcuts.ts'

const Palette = lazy(() => import('./palette.tsx').then((module) => ({ default: module.Palette })))

export function Shell() {
  const [searched, setSearched] = useState<string>()
  const isPaletteOpen = searched !== undefined
  const [isNavigationOpen, setNavigationOpen] = useState(false)
  const isReachable = useIsReachable()
  const aheadMs = useDeviceAheadMs()
  const path = useRouterState({ select: (state) => state.location.pathname })
  useNews(useNamespace())
  useShortcuts(isPaletteOpen, () => setSearched((before) => before ?? ''))
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever went somewhere is done with the menu
  useEffect(() => setNavigationOpen(false), [path])

  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[14rem_minmax(0,1fr)]">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-primary focus:px-3 focus:py-1.5 focus:text-on-primary"
      >
        Skip to the content
      </a>

      <header className="sticky top-0 z-30 flex h-13 items-center gap-2 border-b border-line bg-canvas px-3 lg:hidden">
        <IconButton
          icon={isNavigationOpen ? X : MenuIcon}
          label={isNavigationOpen ? 'Close the menu' : 'Menu'}
          aria-expanded={isNavigationOpen}
          onClick={() => setNavigationOpen(!isNavigationOpen)}
        />
        <Logo className="size-6" />
        <span className="text-base font-semibold tracking-tight">Berth</span>
        <IconButton icon={Search} label="Search" className="ml-auto" onClick={() => setSearched('')} />
      </header>

      <div
        className={classNames(
          'z-20 flex-col border-line bg-canvas lg:sticky lg:top-0 lg:flex lg:h-dvh lg:border-r',
          isNavigationOpen ? 'fixed inset-0 top-13 flex' : 'hidden',
        )}
      >
        <div className="hidden items-center gap-2.5 px-4 pt-5 pb-4 lg:flex">
          <Logo className="size-6" />
          <span className="text-base font-semibold tracking-tight">Berth</span>
        </div>
        <div className="px-3 pt-3 lg:pt-0">
          <NamespaceSwitch />
          <button
            type="button"
            onClick={() => setSearched('')}
            className="mt-2 hidden h-8 w-full items-center gap-2 rounded-md border border-line bg-surface px-2.5 text-left text-faint hover:border-line-strong lg:flex"
          >
            <Search className="size-3.5" aria-hidden />
            <span className="flex-1">Search or go to…</span>
            <Keys keys="Mod+K" />
          </button>
        </div>
        <Navigation />
        <AccountMenu />
      </div>

      <main id="content" tabIndex={-1} className="min-w-0 outline-none">
        {!isReachable && (
          <div role="status" className="sticky top-13 z-20 px-4 pt-3 sm:px-7 lg:top-0">
            <Note tone="warn" className="shadow-high">
              Berth cannot be reached. What you see is from before; this page goes on by itself as soon as
              Berth answers, and nothing you typed is lost.
            </Note>
          </div>
        )}
        {aheadMs !== 0 && (
          <div className="px-4 pt-3 sm:px-7">
            <Note tone="calm">
              The clock of this device is {duration(wholeMinutes(aheadMs))}{' '}
              {aheadMs > 0 ? 'ahead of' : 'behind'} Berth’s. How long ago things happened is told by Berth’s
              clock.
            </Note>
          </div>
        )}
        <Suspense fallback={<PagePending />}>
          <Outlet />
        </Suspense>
      </main>

      {isPaletteOpen && (
        <Suspense fallback={<PaletteComing query={searched} onQuery={setSearched} />}>
          <Palette query={searched} onQuery={setSearched} onClose={() => setSearched(undefined)} />
        </Suspense>
      )}
    </div>
  )
}

/** Stands where the palette will, so that nobody who types at once waits for it. */
function PaletteComing({
  query,
  onQuery,
}: {
  readonly query: string
  readonly onQuery: (query: string) => void
}) {
  return (
    <div className="floating fixed top-[14vh] left-1/2 z-40 flex w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 items-center gap-2.5 px-4">
      <Search className="size-4 text-faint" aria-hidden />
      <input
        // biome-ignore lint/a11y/noAutofocus: it was asked for with a key
        autoFocus
        aria-label="Search or go to"
        spellCheck={false}
        value={query}
        onChange={(event) => onQuery(event.currentTarget.value)}
        className="h-12 min-w-0 flex-1 bg-transparent text-base outline-none"
      />
    </div>
  )
}

const MINUTE_MS = 60_000
const wholeMinutes = (ms: number) => Math.round(Math.abs(ms) / MINUTE_MS) * MINUTE_MS
