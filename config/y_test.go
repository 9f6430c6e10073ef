package config
import ("testing";"strings";"fmt";"time";"github.com/goccy/go-yaml/lexer";"github.com/goccy/go-yaml/parser")
func TestY(t *testing.T){
 for _,n:=range []int{5000,10000,20000}{
 var b strings.Builder
 b.WriteString("client_keys:\n")
 for i:=range n/4 { fmt.Fprintf(&b,"  - name: k%d\n    key: sk-%030d\n    owner: acme\n    limits: {rpm: 60}\n",i,i)}
 for name,s:=range map[string]string{"lines":strings.Repeat("a:\n",n),"keys":b.String(),"owners":func()string{var b strings.Builder; b.WriteString("owners:\n");for i:=range n{fmt.Fprintf(&b,"  o%d: {limits: {rpm: 1}}\n",i)};return b.String()}()}{
 t0:=time.Now(); tk:=lexer.Tokenize(s); t1:=time.Now(); _,err:=parser.Parse(tk,0,parser.AllowDuplicateMapKey()); t2:=time.Now()
 _,e2:=Parse("",[]byte(s),nil)
 fmt.Println(name,n,len(s),"lex",t1.Sub(t0),"parse",t2.Sub(t1),"whole",time.Since(t2),err!=nil,e2!=nil)
 }}
}
