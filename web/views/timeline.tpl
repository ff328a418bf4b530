<h1>Timeline</h1>
% if window.wrong:
<div class="notice" role="alert"><p>{{window.wrong}}</p></div>
% end
<section class="card" aria-labelledby="h-lanes">
<div class="head">
<h2 id="h-lanes">What ran when</h2>
<form action="/timeline" method="get" class="span">
<label for="from">from</label>
<input id="from" name="from" type="datetime-local" value="{{fields[0]}}">
<label for="to">to</label>
<input id="to" name="to" type="datetime-local" value="{{fields[1]}}">
<button type="submit">Show</button>
</form>
</div>
<nav class="chips" aria-label="Span of time">
% for word, (text, _) in ranges.items():
<a class="chip" href="{{href('timeline', last=word)}}"\\
% if word == window.word:
 aria-current="page"\\
% end
>last {{text}}</a>
% end
<a class="chip" href="{{window.moved(-1).address('timeline')}}" rel="prev">← Earlier</a>
% if later:
<a class="chip" href="{{later.address('timeline')}}" rel="next">Later →</a>
% end
</nav>
% if not ran.bars:
<p>Nothing ran from {{when(begin)}} to {{when(end)}}.</p>
% if window.word != '7d':
<p>Have a look at the <a href="{{href('timeline', last='7d')}}">last 7 days</a>; or drop a job: <a href="/help">Help</a> shows what one looks like.</p>
% else:
<p>Every job that runs is a bar here, from its start to its end. <a href="/help">Help</a> shows what a job looks like.</p>
% end
% else:
% if ran.left_out:
<p class="narrowed">More ran in this time than can be drawn: these are the last {{len(ran.bars)}} jobs, {{ran.left_out}} are left out. A shorter time shows all of them.</p>
% end
<p>{{len(ran.bars)}} {{'job' if len(ran.bars) == 1 else 'jobs'}} ran, at most {{len(lanes)}} at once; something ran for {{f'{100 * busy:.0f}'}} % of the time.</p>
<figure class="plot">
<figcaption>Processors that jobs had: at most {{most_in_use}}\\
% if ran.processors:
 of {{ran.processors}}\\
% end
</figcaption>
% include('plot_series.tpl', series=use, height=64, unit='')
</figure>
<figure class="plot">
<figcaption>Each bar is a job, each lane has one at a time; gaps are idle. A job that was tried again shows its last run.</figcaption>
% include('plot_lanes.tpl', plot=plot, texts=texts)
<ul class="legend">
% for word, mark, count in legend:
<li><svg class="{{word}}" width="8" height="8" aria-hidden="true"><path d="{{mark or 'M0 2H8V6H0Z'}}" fill="currentColor"/></svg> {{count}} {{word}}</li>
% end
</ul>
</figure>
<details>
<summary>The same as a table</summary>
<div class="wide" tabindex="0" role="region" aria-label="The jobs as a table">
<table class="ran">
<thead><tr><th scope="col">Lane</th><th scope="col">Job</th><th scope="col">State</th><th scope="col">Started</th><th scope="col">Ended</th><th scope="col" class="n">Took</th><th scope="col" class="n">Processors</th></tr></thead>
<tbody>
% for lane in lanes:
% for bar in lane:
% text = texts[bar.id]
<tr><td>{{text.lane}}</td><td><a href="{{text.address}}">{{text.name}}</a></td><td><span class="state {{text.state}}">{{text.state}}</span></td><td>{{text.started}}</td><td>{{text.ended}}</td><td class="n">{{text.took}}</td><td class="n">{{bar.processors}}</td></tr>
% end
% end
</tbody>
</table>
</div>
</details>
% end
</section>
